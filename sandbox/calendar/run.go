package calendar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const drainTime = 5 * time.Second

// Run serves the app until ctx ends, then lets requests under way finish.
func Run(ctx context.Context, cfg Config) (err error) {
	s, err := Open(cfg)
	if err != nil {
		return fmt.Errorf("open calendar sandbox: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// Pages hold their change feed open, so it is told to end before requests are waited for.
	feeds, endFeeds := context.WithCancel(context.Background())
	defer endFeeds()
	server := &http.Server{
		Handler:           s.handler(feeds),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	server.RegisterOnShutdown(endFeeds)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	s.log.Info("calendar sandbox serves", "addr", listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-s.journal.broken():
		_ = server.Close()
		return errors.New("the journal cannot be written")
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		_ = server.Close()
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}
