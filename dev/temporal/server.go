// Package temporal runs a whole Temporal server with its Web UI inside this process, on a SQLite file.
// It is for development and tests: one history shard, one database connection, no authentication.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"

	"acmesync/dev/ports"
	"acmesync/dev/temporal/ready"
)

// retention is how long a closed workflow's history stays to be looked at.
const retention = 7 * 24 * time.Hour

// Server is a Temporal server and its Web UI, both on 127.0.0.1.
type Server struct {
	// File is the SQLite file; it is created with its schema when missing.
	File string
	// Port serves gRPC to workers and clients, UIPort the Web UI; no UI runs when UIPort is 0.
	Port, UIPort int
	// LogLevel is one of debug, info, warn, error.
	LogLevel string
}

// Run serves until the context ends. It calls serving once, when clients are answered.
func (s Server) Run(ctx context.Context, serving func()) error {
	internal, err := ports.Free(3)
	if err != nil {
		return err
	}
	cfg := s.config(internal)
	if err := s.prepare(cfg.Persistence.DataStores[storeName].SQL); err != nil {
		return err
	}
	logger, err := quietAtEnd(ctx, s.LogLevel)
	if err != nil {
		return err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(s.hosts(internal)),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return fmt.Errorf("build the Temporal server: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the Temporal server: %w", err)
	}
	defer func() { _ = server.Stop() }()
	if s.UIPort != 0 {
		stop, err := s.startUI()
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := waitServing(ctx, ports.Address(s.Port)); err != nil {
		return err
	}
	serving()
	<-ctx.Done()
	return nil
}

// prepare creates the schema and the namespace. The schema is written to a file aside and renamed, so that a
// start that was killed half-way does not leave a file that looks complete.
func (s Server) prepare(store *config.SQL) error {
	if _, err := os.Stat(s.File); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(s.File), 0o700); err != nil {
			return fmt.Errorf("create the Temporal folder: %w", err)
		}
		aside := *store
		aside.DatabaseName = s.File + ".new"
		// No write-ahead log here: everything must be in the one file that is renamed.
		aside.ConnectAttributes = map[string]string{"mode": "rwc"}
		if err := os.RemoveAll(aside.DatabaseName); err != nil {
			return fmt.Errorf("clear the Temporal schema's file: %w", err)
		}
		if err := sqlite.SetupSchema(&aside); err != nil {
			return fmt.Errorf("create the Temporal schema: %w", err)
		}
		if err := os.Rename(aside.DatabaseName, s.File); err != nil {
			return fmt.Errorf("create the Temporal schema: %w", err)
		}
	}
	namespace, err := namespaceDetail()
	if err != nil {
		return err
	}
	if err := sqlite.CreateNamespaces(store, namespace); err != nil {
		return fmt.Errorf("create the Temporal namespace: %w", err)
	}
	return nil
}

// waitServing waits until the server accepts connections, at most a minute.
func waitServing(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := ready.Serving(ctx, address); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the Temporal server at %s: %w", address, ctx.Err())
		case <-tick.C:
		}
	}
}

// listenable fails when the UI's port is taken; the UI itself would end the process without a word to its caller.
func listenable(port int) error {
	l, err := net.Listen("tcp", ports.Address(port))
	if err != nil {
		return fmt.Errorf("open the Web UI's port: %w", err)
	}
	return l.Close()
}
