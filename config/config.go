// Package config turns the environment into typed, checked settings, one struct per program. It is the only reader of
// the environment beside the libraries of Temporal and AWS. All that is wrong is reported at once as Faults, each with the
// variable's name and what to do; a program ends with ExitCode then.
package config

import (
	"cmp"
	"context"
	"time"

	"github.com/sethvargo/go-envconfig"
)

// Core is what every program needs that works on the product's data.
type Core struct {
	Database          Secret // URL of the program's own login
	Keyset            Secret // what everything is sealed with
	Log               Log
	AllowPrivateHosts bool   // a tenant's Acme or app may have a private or loopback address: for sandboxes
	RunbookURL        string // where alerts and the Temporal Web UI lead; empty: nowhere
	BuildID           string // of this deployment; empty: none
}

// Log says what is logged and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // json, console
}

// API is what the api needs.
type API struct {
	Core
	HTTPAddr    string
	MetricsAddr string
	PublicURL   string // without a slash at its end
	APIKeys     []APIKey
	SNS         SNS
}

// Worker is what the worker needs.
type Worker struct {
	Core
	MetricsAddr string
	PublicURL   string   // without a slash at its end; webhooks go to PublicURL + /hooks/acme/{endpoint}
	AlertURLs   []Secret // shoutrrr's; they hold tokens
	Kafka       Kafka
	SQS         SQS
	DriftEvery  time.Duration
	ImportRoot  string // holds a folder per tenant that files may be picked up from; empty: from no folder
}

// Starter is what the starter's commands on tenants and reviews need.
type Starter struct{ Core }

// Explore is what `starter explore` needs where it is not about a tenant.
type Explore struct{ APIKey Secret } // Acme's; empty: it comes from a file

// Migrate is what `starter migrate` needs.
type Migrate struct{ Owner Secret } // URL of the tables' owner

// Setup is what `starter setup` needs beside Temporal's own variables.
type Setup struct{ RunbookURL string }

// LoadAPI reads the api's settings. Its error is Faults.
func LoadAPI(ctx context.Context, env envconfig.Lookuper) (API, error) {
	e, err := read(ctx, env)
	if err != nil {
		return API{}, err
	}
	var f Faults
	c := API{
		Core:        core(e, &f),
		HTTPAddr:    address("HTTP_ADDR", e.HTTPAddr, &f),
		MetricsAddr: address("METRICS_ADDR", cmp.Or(e.MetricsAddr, "127.0.0.1:9090"), &f),
		APIKeys:     apiKeys(e.APIKeys, &f),
	}
	c.PublicURL = publicURL(e, c.AllowPrivateHosts, &f)
	c.SNS = notifications(e, c.AllowPrivateHosts, &f)
	return c, f.err()
}

// LoadWorker reads the worker's settings. Its error is Faults.
func LoadWorker(ctx context.Context, env envconfig.Lookuper) (Worker, error) {
	e, err := read(ctx, env)
	if err != nil {
		return Worker{}, err
	}
	var f Faults
	c := Worker{
		Core:        core(e, &f),
		MetricsAddr: address("METRICS_ADDR", cmp.Or(e.MetricsAddr, "127.0.0.1:9091"), &f),
		AlertURLs:   alertURLs(e.AlertURLs, &f),
		Kafka:       kafka(e, &f),
		SQS:         queue(e, &f),
		DriftEvery:  seconds("ACMESYNC_DRIFT_SECONDS", e.DriftSeconds, 1, 86_400, &f),
		ImportRoot:  folder("IMPORT_ROOT", e.ImportRoot, &f),
	}
	c.PublicURL = publicURL(e, c.AllowPrivateHosts, &f)
	return c, f.err()
}

// LoadStarter reads what commands on tenants and reviews need. Its error is Faults.
func LoadStarter(ctx context.Context, env envconfig.Lookuper) (Starter, error) {
	e, err := read(ctx, env)
	if err != nil {
		return Starter{}, err
	}
	var f Faults
	return Starter{Core: core(e, &f)}, f.err()
}

// LoadExplore reads what a look at an Acme needs that belongs to no tenant.
func LoadExplore(ctx context.Context, env envconfig.Lookuper) (Explore, error) {
	e, err := read(ctx, env)
	if err != nil {
		return Explore{}, err
	}
	return Explore{APIKey: NewSecret(e.AcmeAPIKey)}, nil
}

// LoadMigrate reads what migrations need. Its error is Faults.
func LoadMigrate(ctx context.Context, env envconfig.Lookuper) (Migrate, error) {
	e, err := read(ctx, env)
	if err != nil {
		return Migrate{}, err
	}
	var f Faults
	return Migrate{Owner: databaseURL("DATABASE_OWNER_URL", e.DatabaseOwnerURL, &f)}, f.err()
}

// LoadSetup reads what setting Temporal up needs. Its error is Faults.
func LoadSetup(ctx context.Context, env envconfig.Lookuper) (Setup, error) {
	e, err := read(ctx, env)
	if err != nil {
		return Setup{}, err
	}
	var f Faults
	return Setup{RunbookURL: webURL("ACMESYNC_RUNBOOK_URL", e.RunbookURL, &f)}, f.err()
}

func core(e environment, f *Faults) Core {
	return Core{
		Database:          databaseURL("DATABASE_URL", e.DatabaseURL, f),
		Keyset:            keyset(e.Keyset, f),
		Log:               logging(e, f),
		AllowPrivateHosts: flag("ACMESYNC_ALLOW_PRIVATE_HOSTS", e.AllowPrivateHosts, f),
		RunbookURL:        webURL("ACMESYNC_RUNBOOK_URL", e.RunbookURL, f),
		BuildID:           e.BuildID,
	}
}
