package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// environment is every variable of the product, as text. TEMPORAL_* are read by Temporal's own library, AWS_* by that of AWS.
type environment struct {
	DatabaseURL       string `env:"DATABASE_URL"`
	DatabaseOwnerURL  string `env:"DATABASE_OWNER_URL"`
	HTTPAddr          string `env:"HTTP_ADDR, default=127.0.0.1:8080"`
	PublicURL         string `env:"PUBLIC_URL"`
	MetricsAddr       string `env:"METRICS_ADDR"`
	LogLevel          string `env:"LOG_LEVEL, default=info"`
	LogFormat         string `env:"LOG_FORMAT, default=json"`
	Keyset            string `env:"ACMESYNC_KEYSET"`
	APIKeys           string `env:"ACMESYNC_API_KEYS"`
	AllowPrivateHosts string `env:"ACMESYNC_ALLOW_PRIVATE_HOSTS, default=false"`
	RunbookURL        string `env:"ACMESYNC_RUNBOOK_URL"`
	BuildID           string `env:"ACMESYNC_BUILD_ID"`
	AlertURLs         string `env:"ALERT_URLS"`

	ImportRoot string `env:"IMPORT_ROOT"`

	KafkaBrokers   string `env:"KAFKA_BROKERS"`
	KafkaTopic     string `env:"KAFKA_TOPIC"`
	KafkaGroup     string `env:"KAFKA_GROUP, default=acmesync"`
	KafkaTLS       string `env:"KAFKA_TLS, default=false"`
	KafkaCAFile    string `env:"KAFKA_TLS_CA_FILE"`
	KafkaCertFile  string `env:"KAFKA_TLS_CERT_FILE"`
	KafkaKeyFile   string `env:"KAFKA_TLS_KEY_FILE"`
	KafkaMechanism string `env:"KAFKA_SASL_MECHANISM"`
	KafkaUser      string `env:"KAFKA_SASL_USER"`
	KafkaPassword  string `env:"KAFKA_SASL_PASSWORD"`
	SQSQueueURL    string `env:"SQS_QUEUE_URL"`
	SQSEndpoint    string `env:"SQS_ENDPOINT_URL"`
	SNSHosts       string `env:"SNS_HOSTS"`
	SNSCAFile      string `env:"SNS_CA_FILE"`
	AcmeAPIKey     string `env:"ACME_API_KEY"`
	DriftSeconds   string `env:"ACMESYNC_DRIFT_SECONDS, default=60"`
}

func read(ctx context.Context, env envconfig.Lookuper) (environment, error) {
	var e environment
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &e, Lookuper: filled{env}}); err != nil {
		return e, fmt.Errorf("read the environment: %w", err)
	}
	return e, nil
}

// filled takes an empty variable for one that is not set: compose files and unit files pass on what they have.
type filled struct{ env envconfig.Lookuper }

// Lookup finds a variable that has a value.
func (f filled) Lookup(name string) (string, bool) {
	value, ok := f.env.Lookup(name)
	value = strings.TrimSpace(value)
	return value, ok && value != ""
}
