package crm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	_ "time/tzdata" // the seeded zones must be the same on every machine

	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/kafka"
	"acmesync/sandbox/crm/pages"
	"acmesync/sandbox/crm/server"
	"acmesync/sandbox/crm/sns"
	"acmesync/sandbox/crm/webhooks"
)

// cursorLife is how long Acme's contract lets a cursor live.
const cursorLife = 15 * time.Minute

// Config is how the sandbox runs.
type Config struct {
	Addr    string // to listen on, loopback
	DataDir string // its own; made if missing; one process at a time
	Seed    int64  // of the three businesses' data, used when they are first made
	Log     *slog.Logger

	RateLimit   string        // "100/10s" for every account; empty: as each account has it, none at first
	CursorLife  time.Duration // zero: 15 minutes
	Exports     string        // a folder for exported files; empty: none are written
	KafkaAddr   string        // of a Kafka broker for accounts that are told by it; empty: none
	ToldByKafka []string      // accounts that are told by it when they are first made
	PublicURL   string        // where subscribers of SNS find its certificate; empty: http://Addr

	Now        func() time.Time    // Acme's clock; nil: the machine's
	Businesses []business.Business // made at the first start; nil: all three
}

// Sandbox is Acme with its data open. Webhooks go out from Open on.
type Sandbox struct {
	registry   *accounts.Registry
	dispatcher *webhooks.Dispatcher
	handler    http.Handler
	stop       context.CancelFunc
	broker     *kafka.Broker // nil: none
}

// Open replays the data folder and makes the three businesses where they are missing.
func Open(cfg Config) (*Sandbox, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	dispatcher := webhooks.New(log, now)
	notifications, err := sns.Open(filepath.Join(cfg.DataDir, "sns"), cmp.Or(cfg.PublicURL, "http://"+cfg.Addr), now)
	if err != nil {
		return nil, err
	}
	dispatcher.SNS = notifications
	broker, err := openBroker(cfg)
	if err != nil {
		return nil, err
	}
	topic := ""
	if broker != nil {
		dispatcher.Kafka, topic = broker, kafka.Topic
	}
	registry := &accounts.Registry{
		Folder: filepath.Join(cfg.DataDir, "accounts"), Now: now,
		Notifier: dispatcher, Defaults: accounts.DefaultSettings(),
	}
	err = registry.Open()
	if err == nil {
		err = settle(registry, cfg)
	}
	if err != nil {
		broker.Close()
		return nil, errors.Join(fmt.Errorf("open accounts: %w", err), registry.Close())
	}
	life := cursorLife
	if cfg.CursorLife > 0 {
		life = cfg.CursorLife
	}
	api := &server.Server{Registry: registry, Webhooks: dispatcher, Topic: topic, SNS: notifications, Log: log, Now: now, CursorLife: life, Exports: cfg.Exports}
	site := &pages.Pages{Registry: registry, Webhooks: dispatcher, Log: log, Now: now}
	mux, apiHandler := http.NewServeMux(), api.Handler()
	for _, path := range []string{"/v1/", "/dialects/", "/admin/", "/files/", "/sns/", "/healthz"} {
		mux.Handle(path, apiHandler)
	}
	mux.Handle("/", site.Handler())

	ctx, stop := context.WithCancel(context.Background())
	dispatcher.Start(ctx, registry.All())
	return &Sandbox{registry: registry, dispatcher: dispatcher, handler: mux, stop: stop, broker: broker}, nil
}

// Handler serves Acme's API under /v1, the admin API under /admin, and the pages.
func (s *Sandbox) Handler() http.Handler { return s.handler }

// Close stops sending webhooks and closes the data. What was not sent goes out after the next Open.
func (s *Sandbox) Close() error {
	s.stop()
	s.dispatcher.Wait()
	s.broker.Close()
	return s.registry.Close()
}

func openBroker(cfg Config) (*kafka.Broker, error) {
	if cfg.KafkaAddr == "" {
		return nil, nil
	}
	return kafka.Open(cfg.KafkaAddr, filepath.Join(cfg.DataDir, "kafka"))
}

// settle makes the businesses that are missing and sets the rate limit that was asked for.
func settle(registry *accounts.Registry, cfg Config) error {
	var limit accounts.RateLimit
	if cfg.RateLimit != "" {
		var err error
		if limit, err = parseRateLimit(cfg.RateLimit); err != nil {
			return err
		}
		registry.Defaults.RateLimit = limit
	}
	businesses := cfg.Businesses
	if businesses == nil {
		businesses = business.All()
	}
	for _, b := range businesses {
		if _, found := registry.Get(b.ID); found {
			continue
		}
		a, err := registry.Create(accounts.Spec{Business: b, Seed: cfg.Seed, Settings: registry.Defaults})
		if err == nil && cfg.KafkaAddr != "" && slices.Contains(cfg.ToldByKafka, b.ID) {
			err = tellByKafka(a)
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", b.ID, err)
		}
	}
	for _, a := range registry.All() {
		if cfg.RateLimit == "" || a.Settings().RateLimit == limit {
			continue
		}
		if _, err := a.ChangeSettings(func(s *accounts.Settings) { s.RateLimit = limit }); err != nil {
			return fmt.Errorf("set rate limit: %w", err)
		}
	}
	return nil
}

func tellByKafka(a *accounts.Account) error {
	if err := a.TellByKafka(kafka.Topic); err != nil {
		return err
	}
	_, err := a.ChangeSettings(func(s *accounts.Settings) { s.Push = []accounts.Push{accounts.ByKafka} })
	return err
}
