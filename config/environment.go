package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// environment is every variable of the product, as text. TEMPORAL_* are read by Temporal's own library.
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
	AcmeAPIKey        string `env:"ACME_API_KEY"`
	DriftSeconds      string `env:"ACMESYNC_DRIFT_SECONDS, default=60"`
	ImportRoot        string `env:"IMPORT_ROOT"`
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
