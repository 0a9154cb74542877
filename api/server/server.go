package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"acmesync/api/server/hooks"
	"acmesync/config"
	"acmesync/control"
	"acmesync/db"

	"go.uber.org/zap"
)

// Server is the api. Fill all fields, then Run it, or serve its Handler.
type Server struct {
	Control   *control.Control
	DB        *db.DB
	Hooks     *hooks.Receiver
	Keys      []config.APIKey
	PublicURL string // where Acme reaches the hooks
	// CursorSecret signs cursors: the same in every api of an installation.
	CursorSecret config.Secret
	Spec         []byte // openapi.yaml
	Temporal     func(context.Context) error
	Log          *zap.Logger

	spec *spec
}

const (
	maxHeaderBytes = 32 << 10
	drainTimeout   = 15 * time.Second
)

// Run listens and serves until the context ends, then lets what is under way finish: requests, deliveries that wait for
// their commit, rings and nudges.
func (s *Server) Run(ctx context.Context, addr string) error {
	handler, err := s.Handler()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen (HTTP_ADDR): %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 45 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeaderBytes, ErrorLog: zap.NewStdLog(s.Log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	s.Log.Info("listening", zap.String("address", listener.Addr().String()))
	select {
	case err = <-served:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		s.Log.Info("stopping: what is under way is finished first")
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err = server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
	}
	s.Hooks.Close()
	s.Control.Later.Wait()
	return err
}
