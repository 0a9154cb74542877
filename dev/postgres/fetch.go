package postgres

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"acmesync/dev/ports"
)

// fetched is the version that is downloaded where none is installed.
const fetched = embeddedpostgres.V17

// Fetch downloads an installation into a folder of its version below into, and tries it by starting it once.
// repository is where from, empty for the library's own choice. It must not run as root: the trial could not.
func Fetch(into, repository string) (err error) {
	work, err := os.MkdirTemp(into, ".fetch-*")
	if err != nil {
		return fmt.Errorf("create a folder for the download: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// The library keeps its log in the temporary folder and leaves it there.
	if err := os.Setenv("TMPDIR", work); err != nil {
		return fmt.Errorf("choose a folder for the download's log: %w", err)
	}
	port, err := ports.Free(1)
	if err != nil {
		return err
	}
	unpacked := filepath.Join(work, "unpacked")
	config := embeddedpostgres.DefaultConfig().
		Version(fetched).
		BinariesPath(unpacked).
		CachePath(filepath.Join(work, "cache")).
		RuntimePath(filepath.Join(work, "runtime")).
		DataPath(filepath.Join(work, "data")).
		StartParameters(map[string]string{"unix_socket_directories": "", "listen_addresses": "localhost"}).
		Port(uint32(port[0])).
		Logger(io.Discard)
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	trial := embeddedpostgres.NewDatabase(config)
	if err := trial.Start(); err != nil {
		return fmt.Errorf("download PostgreSQL %s: %w", fetched, err)
	}
	if err := trial.Stop(); err != nil {
		return fmt.Errorf("stop the trial of the downloaded PostgreSQL: %w", err)
	}
	if err := os.Rename(unpacked, filepath.Join(into, string(fetched))); err != nil {
		return fmt.Errorf("keep the downloaded PostgreSQL: %w", err)
	}
	return nil
}
