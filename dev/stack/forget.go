package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"acmesync/dev/postgres"
)

// Forget removes all that a stack remembers. It refuses while the stack runs.
func Forget(data string) error {
	held, err := lock(data)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }()
	return forget(data)
}

func forget(data string) error {
	if err := postgres.Forget(filepath.Join(data, "postgres")); err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("forget the data: %w", err)
	}
	return nil
}
