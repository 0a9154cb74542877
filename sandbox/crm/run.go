package crm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "time/tzdata" // the seeded zones must be the same on every machine

	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/server"
	"acmesync/sandbox/crm/webhooks"
)

// cursorLife is how long Acme's contract lets a cursor live.
const cursorLife = 15 * time.Minute

// Config is how the sandbox runs.
type Config struct {
	Addr    string // to listen on, loopback
	DataDir string // its own; made if missing
	Seed    int64  // of the three businesses' data, used when they are first made
	Log     *slog.Logger

	RateLimit  string        // "100/10s" for every account; empty: as each account has it, none at first
	CursorLife time.Duration // zero: 15 minutes
}

// Run serves the sandbox until the context ends. The three businesses are there from the first start on.
func Run(ctx context.Context, cfg Config) (err error) {
	dispatcher := webhooks.New(cfg.Log, time.Now)
	registry := &accounts.Registry{
		Folder: filepath.Join(cfg.DataDir, "accounts"), Now: time.Now,
		Notifier: dispatcher, Defaults: accounts.DefaultSettings(),
	}
	if err := registry.Open(); err != nil {
		return fmt.Errorf("open accounts: %w", err)
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	if err := settle(registry, cfg); err != nil {
		return err
	}

	api := &server.Server{
		Registry: registry, Webhooks: dispatcher, Log: cfg.Log, Now: time.Now,
		CursorLife: cursorLife,
	}
	if cfg.CursorLife > 0 {
		api.CursorLife = cfg.CursorLife
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen for Acme: %w", err)
	}
	sending, stopSending := context.WithCancel(ctx)
	defer dispatcher.Wait()
	defer stopSending()
	dispatcher.Start(sending, registry.All())
	cfg.Log.Info("acme sandbox is ready", "addr", listener.Addr().String(), "accounts", len(registry.All()))
	return serve(ctx, listener, api.Handler())
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
	for _, b := range business.All() {
		if _, found := registry.Get(b.ID); found {
			continue
		}
		if _, err := registry.Create(accounts.Spec{Business: b, Seed: cfg.Seed, Settings: registry.Defaults}); err != nil {
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

// parseRateLimit reads "100/10s"; "off" is no limit.
func parseRateLimit(text string) (accounts.RateLimit, error) {
	if text == "off" {
		return accounts.RateLimit{PerSeconds: 10}, nil
	}
	requests, window, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(requests)
	length, windowErr := time.ParseDuration(window)
	if err != nil || windowErr != nil || n < 1 || length < time.Second || length%time.Second != 0 {
		return accounts.RateLimit{}, fmt.Errorf("rate limit %q is not like 100/10s", text)
	}
	return accounts.RateLimit{Requests: n, PerSeconds: int(length / time.Second)}, nil
}

// serve answers until the context ends, and lets requests that are under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve Acme: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(closing); err != nil {
		return fmt.Errorf("stop serving Acme: %w", err)
	}
	return nil
}
