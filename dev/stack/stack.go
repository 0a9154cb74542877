// Package stack brings the whole of acmesync up on one machine: PostgreSQL, Temporal with its Web UI, the two
// sandboxes, api and worker, each a process of its own that can be killed alone and comes back.
package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"acmesync/dev/ports"
	"acmesync/dev/postgres"
	"acmesync/dev/process"
)

// startLimit is how long the parts may take to become ready, all together.
const startLimit = 3 * time.Minute

// Stack is one local stack. Fill the exported fields, then Start it.
type Stack struct {
	// Root is the checkout, Bin holds the product's programs, Data all that the stack remembers.
	Root, Bin, Data string
	// Self is this binary, which runs Temporal as a child.
	Self  string
	Ports Ports
	Env   Environment
	// Alone ignores a database or Temporal that the environment names, and makes PostgreSQL fast and forgetful.
	Alone      bool
	Fetch      func(ctx context.Context, into string, user *process.User) error
	HTTP       *http.Client
	Supervisor *process.Supervisor

	external              external
	secrets               secrets
	databaseURL, ownerURL string
	held                  *os.File

	// running is in the order of the start.
	running []*process.Running
}

// Start brings everything up and returns when every part is ready. After an error, too, call Stop.
func (s *Stack) Start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.built(); err != nil {
		return err
	}
	if !s.Alone {
		if s.external, err = externalFrom(s.Env); err != nil {
			return err
		}
	}
	if s.held, err = lock(s.Data); err != nil {
		return err
	}
	if err := ports.Check(s.wanted()); err != nil {
		return err
	}
	return s.bringUp(ctx)
}

// bringUp starts the parts in the order in which they need each other, side by side where they do not.
func (s *Stack) bringUp(ctx context.Context) error {
	cluster, err := s.database(ctx)
	if err != nil {
		return err
	}
	var data, world, product []*process.Running
	if cluster != nil {
		data = s.launch(cluster.Program())
	}
	var engine []*process.Running
	if s.external.Temporal == "" {
		engine = s.launch(s.temporal())
	} else {
		s.say("using the Temporal of TEMPORAL_ADDRESS at %s, none of its own", s.external.Temporal)
	}
	if s.external.Kafka != "" {
		s.say("the worker reads the Kafka of KAFKA_BROKERS, not the sandbox's")
	}
	world = s.launch(
		s.sandbox("acme", s.Ports.Acme, "--kafka-addr", ports.Address(s.Ports.Kafka), "--told-by-kafka", toldByKafka),
		s.sandbox("app", s.Ports.App),
	)
	if err := s.loadSecrets(ctx); err != nil {
		return err
	}
	if err := allReady(ctx, data); err != nil {
		return err
	}
	if cluster != nil {
		if err := cluster.EnsureRoles(ctx); err != nil {
			return err
		}
	}
	if err := s.Supervisor.Run(ctx, s.starter("migrate", "up")); err != nil {
		return err
	}
	if err := allReady(ctx, engine); err != nil {
		return err
	}
	if err := s.Supervisor.Run(ctx, s.starter("setup")); err != nil {
		return err
	}
	product = s.launch(s.worker(), s.api())
	return allReady(ctx, append(world, product...))
}

// database prepares a cluster of our own, or points to the developer's and returns none.
func (s *Stack) database(ctx context.Context) (*postgres.Cluster, error) {
	s.databaseURL, s.ownerURL = s.external.Database, s.external.Owner
	if s.external.Database != "" {
		s.say("using the PostgreSQL of DATABASE_URL, none of its own")
		return nil, nil
	}
	cluster := &postgres.Cluster{
		Data: filepath.Join(s.Data, "postgres"), Port: s.Ports.Postgres, Fast: s.Alone,
		Source: postgres.Source{Chosen: s.Env.Get("DEV_POSTGRES_HOME"), Checkout: s.Root, Fetch: s.Fetch},
	}
	if err := cluster.Prepare(ctx, s.Supervisor); err != nil {
		return nil, err
	}
	s.say("PostgreSQL %d from %s, its data in %s", cluster.Installation().Major, cluster.Installation().Home, cluster.Where())
	s.databaseURL = cluster.URL(postgres.App, postgres.Database)
	s.ownerURL = cluster.URL(postgres.Owner, postgres.Database)
	return cluster, nil
}

func (s *Stack) launch(programs ...process.Program) []*process.Running {
	started := make([]*process.Running, 0, len(programs))
	for _, p := range programs {
		started = append(started, s.Supervisor.Start(p))
	}
	s.running = append(s.running, started...)
	return started
}

// allReady waits for programs that start side by side. The first that will never be ends the wait for all.
func allReady(ctx context.Context, programs []*process.Running) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(programs))
	for _, r := range programs {
		go func() { answers <- r.WaitReady(ctx) }()
	}
	for range programs {
		if err := <-answers; err != nil {
			return err
		}
	}
	return nil
}

// Stop ends every part, the last started first: what writes stops before what it writes to.
func (s *Stack) Stop() {
	for _, r := range slices.Backward(s.running) {
		r.Stop()
	}
	s.running = nil
	if s.held != nil {
		_ = s.held.Close()
	}
}

// APIKey lets the stack's own backend in.
func (s *Stack) APIKey() string { return s.secrets.apiKey }

// KeyFile is where the developer finds that key.
func (s *Stack) KeyFile() string { return filepath.Join(s.Data, "secrets", "api-key") }

func (s *Stack) temporalAddress() string {
	if s.external.Temporal != "" {
		return s.external.Temporal
	}
	return ports.Address(s.Ports.Temporal)
}

func (s *Stack) say(format string, args ...any) {
	s.Supervisor.Console.Say("dev", "%s", fmt.Sprintf(format, args...))
}

// OwnTemporal and OwnDatabase tell whether the stack runs its own, or the developer's is used.
func (s *Stack) OwnTemporal() bool { return s.external.Temporal == "" }

// OwnDatabase is the same for PostgreSQL.
func (s *Stack) OwnDatabase() bool { return s.external.Database == "" }

// DatabaseURL is what the product connects with.
func (s *Stack) DatabaseURL() string { return s.databaseURL }
