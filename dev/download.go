package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"

	"acmesync/dev/postgres"
	"acmesync/dev/process"
)

// download fetches PostgreSQL in a child process: as root the child is another user, since the download is
// tried by starting it.
type download struct {
	repository string
	console    *process.Console
}

func (d download) fetch(_ context.Context, into string, user *process.User) error {
	d.console.Say("dev", "no PostgreSQL is installed here; downloading one into %s", into)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return fmt.Errorf("create the folder for the download: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if runtime.GOOS == "linux" {
		// Another user may not be able to enter the folder we lie in, but may run what is running.
		self = "/proc/self/exe"
	}
	env := os.Environ()
	if user != nil {
		if err := os.Chown(into, int(user.UID), int(user.GID)); err != nil {
			return fmt.Errorf("hand the folder to the user of PostgreSQL: %w", err)
		}
		env = append(env, "HOME="+into)
	}
	_, err = process.Capture(process.Program{
		Name: "fetch", Path: self, Args: []string{"fetch-postgres", "--into", into, "--from", d.repository},
		Env: env, Dir: into, User: user,
	})
	return err
}

// fetchPostgres is the child's side.
func fetchPostgres(args []string) error {
	flags := flag.NewFlagSet("dev fetch-postgres", flag.ExitOnError)
	into := flags.String("into", "", "folder that gets the version's folder (required)")
	from := flags.String("from", "", "repository, empty for the usual one")
	_ = flags.Parse(args)
	if *into == "" {
		return errors.New("dev fetch-postgres needs --into")
	}
	return postgres.Fetch(*into, *from)
}
