package telemetry

import (
	"fmt"
	"io"
	"log/slog"

	"acmesync/config"

	temporallog "go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// NewLogger makes the program's logger: one JSON object a line, or lines for people.
func NewLogger(c config.Log, program string, out io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("choose a log level: %w", err)
	}
	shape := zap.NewProductionEncoderConfig()
	shape.TimeKey, shape.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	shape.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(shape)
	if c.Format == "console" {
		shape.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		shape.EncodeLevel = zapcore.CapitalLevelEncoder
		shape.EncodeCaller, shape.CallerKey, shape.NameKey = nil, "", ""
		encoder = zapcore.NewConsoleEncoder(shape)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level)
	return zap.New(core, zap.AddStacktrace(zap.DPanicLevel)).With(zap.String("program", program)), nil
}

// TemporalLogger lets Temporal's SDK log through zap.
func TemporalLogger(log *zap.Logger) temporallog.Logger {
	return temporallog.NewStructuredLogger(slog.New(zapslog.NewHandler(log.Core())))
}
