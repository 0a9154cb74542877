package temporal

import (
	"context"
	"fmt"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
)

// quietAtEnd logs one line per message, without stacks, and nothing more once the context has ended: services
// that stop side by side report each other's absence as errors.
func quietAtEnd(ctx context.Context, level string) (log.Logger, error) {
	enabled, err := zap.ParseAtomicLevel(level)
	if err != nil {
		return nil, fmt.Errorf("read the log level: %w", err)
	}
	config := zap.NewDevelopmentConfig()
	config.Level = enabled
	config.DisableStacktrace, config.DisableCaller = true, true
	config.OutputPaths = []string{"stdout"}
	logger, err := config.Build()
	if err != nil {
		return nil, fmt.Errorf("build the logger: %w", err)
	}
	context.AfterFunc(ctx, func() { enabled.SetLevel(zap.FatalLevel) })
	return log.NewZapLogger(logger), nil
}
