// Package postgres finds an installed PostgreSQL, or downloads one, and runs a cluster of its own with it:
// for developers and tests, as root or not, whatever folder the checkout is in.
//
// The server runs as a direct child in the foreground instead of under pg_ctl, which would detach it: so it
// can be watched, killed alone, and ends when its supervisor is killed.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"acmesync/dev/ports"
	"acmesync/dev/process"
)

// Cluster is one PostgreSQL server's data and how it is run, on 127.0.0.1 only.
type Cluster struct {
	// Data is the folder the cluster belongs to. As root its files are elsewhere, see Where.
	Data string
	Port int
	// Fast gives up durability for speed. For tests: data is lost when the machine dies, not when the server is killed.
	Fast   bool
	Source Source

	home     home
	binaries Binaries
	password string
}

// Prepare finds PostgreSQL and creates the cluster unless it is there from an earlier start.
func (c *Cluster) Prepare(ctx context.Context, s *process.Supervisor) (err error) {
	if c.home, err = homeOf(c.Data); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("create the data folder: %w", err)
	}
	if err := c.home.make(); err != nil {
		return err
	}
	if err := c.forgetOrphan(s); err != nil {
		return err
	}
	major, err := c.major()
	if err != nil {
		return err
	}
	if c.binaries, err = c.Source.locate(ctx, major, c.home.user); err != nil {
		return err
	}
	if major == 0 {
		return c.create(ctx, s)
	}
	secret, err := os.ReadFile(c.passwordFile())
	if err != nil {
		return fmt.Errorf("read the cluster's password: %w", err)
	}
	c.password = string(secret)
	return nil
}

// Where is the folder that holds the cluster's files.
func (c *Cluster) Where() string { return c.home.dir }

// Installation is the PostgreSQL the cluster runs on.
func (c *Cluster) Installation() Binaries { return c.binaries }

func (c *Cluster) files() string        { return filepath.Join(c.home.dir, "pgdata") }
func (c *Cluster) passwordFile() string { return filepath.Join(c.home.dir, "password") }

// major is the version that made the data, 0 when there is none.
func (c *Cluster) major() (int, error) {
	raw, err := os.ReadFile(filepath.Join(c.files(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	return major, nil
}

// create makes the cluster aside and renames it: a start that was killed leaves none rather than half of one.
func (c *Cluster) create(ctx context.Context, s *process.Supervisor) error {
	aside := c.files() + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("clear an unfinished cluster: %w", err)
	}
	c.password = rand.Text()
	if err := os.WriteFile(c.passwordFile(), []byte(c.password), 0o600); err != nil {
		return fmt.Errorf("keep the cluster's password: %w", err)
	}
	if err := c.home.own(c.passwordFile()); err != nil {
		return err
	}
	_, err := s.Output(ctx, process.Program{
		Name: "postgres", Path: c.binaries.program("initdb"), Dir: c.home.dir, User: c.home.user, Env: c.environment(),
		Args: []string{
			"-D", aside, "-U", Superuser, "--pwfile", c.passwordFile(), "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync",
		},
	})
	if err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	if err := os.Rename(aside, c.files()); err != nil {
		return fmt.Errorf("keep the new cluster: %w", err)
	}
	return nil
}

// environment is all that PostgreSQL sees of ours: variables like PGDATA must not lead it elsewhere.
func (c *Cluster) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home.dir, "LC_ALL=C", "TZ=UTC"}
}

// Program runs the server. It is ready when it answers a query.
func (c *Cluster) Program() process.Program {
	settings := []string{
		"listen_addresses=127.0.0.1",
		// No socket file: its path may not exceed 107 bytes, and checkouts lie deep.
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		// Below this a constraint that does its work is reported as an error with the row's content.
		"log_min_messages=fatal",
	}
	if c.Fast {
		// A commit still reaches the kernel before it is answered, so tests may kill the server and lose nothing.
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	args := []string{"-D", c.files(), "-p", strconv.Itoa(c.Port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return process.Program{
		Name: "postgres", Path: c.binaries.program("postgres"), Args: args, Env: c.environment(),
		Dir: c.home.dir, User: c.home.user,
		// SIGINT ends the sessions and writes a checkpoint; SIGTERM would wait for every client to leave.
		StopSignal: syscall.SIGINT, OrphanSignal: syscall.SIGINT, StopGrace: 20 * time.Second,
		Ready: c.answers,
	}
}

// URL is the address of a database of the cluster for one of its roles.
func (c *Cluster) URL(role, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, c.password), Host: ports.Address(c.Port),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}
