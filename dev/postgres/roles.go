package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lib/pq"
)

// The roles every cluster has. Owner migrates and owns the product's database; App is what the product works
// as, and gets its rights from the migrations alone.
const (
	Superuser = "postgres"
	Owner     = "acmesync_owner"
	App       = "acmesync_app"
	Database  = "acmesync"
)

// EnsureRoles creates the roles and the product's database where they are missing.
func (c *Cluster) EnsureRoles(ctx context.Context) error {
	db, err := sql.Open("postgres", c.URL(Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("open the cluster: %w", err)
	}
	defer func() { _ = db.Close() }()
	for _, role := range []struct{ name, rights string }{
		{Owner, "LOGIN CREATEROLE CREATEDB"},
		// It takes on the rights of other roles by SET LOCAL ROLE only, never by merely being a member.
		{App, "LOGIN NOINHERIT"},
	} {
		if err := missing(ctx, db, "SELECT 1 FROM pg_roles WHERE rolname = $1", role.name,
			fmt.Sprintf("CREATE ROLE %s %s PASSWORD %s", role.name, role.rights, pq.QuoteLiteral(c.password))); err != nil {
			return fmt.Errorf("create the role %s: %w", role.name, err)
		}
	}
	if err := missing(ctx, db, "SELECT 1 FROM pg_database WHERE datname = $1", Database,
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", Database, Owner)); err != nil {
		return fmt.Errorf("create the product's database: %w", err)
	}
	return nil
}

// missing runs the statement unless the question has an answer.
func missing(ctx context.Context, db *sql.DB, question, name, statement string) error {
	var one int
	err := db.QueryRowContext(ctx, question, name).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = db.ExecContext(ctx, statement)
	}
	return err
}

// answers is nil once the server answers a query. It asks only a server that says of itself that it is ready:
// the others would log each question as a failure.
func (c *Cluster) answers(ctx context.Context) error {
	status, err := os.ReadFile(filepath.Join(c.files(), "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("read PostgreSQL's status: %w", err)
	}
	if lines := strings.Split(string(status), "\n"); len(lines) < 8 || strings.TrimSpace(lines[7]) != "ready" {
		return errors.New("PostgreSQL is still starting")
	}
	db, err := sql.Open("postgres", c.URL(Superuser, "postgres")+"&connect_timeout=2")
	if err != nil {
		return fmt.Errorf("open the cluster: %w", err)
	}
	defer func() { _ = db.Close() }()
	var one int
	if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ask PostgreSQL: %w", err)
	}
	return nil
}
