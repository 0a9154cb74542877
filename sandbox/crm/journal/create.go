package journal

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Create makes a file with the lines that write puts, whole or not at all: a kill while a new
// account is being filled leaves no half of one behind. An existing file is an error.
func Create(path string, write func(put func(line []byte) error) error) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("create journal: %w", os.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	draft := path + ".draft"
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	err = write(func(line []byte) error {
		_, err := buffer.Write(append(line, '\n'))
		return err
	})
	err = errors.Join(err, buffer.Flush(), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	return nil
}

// syncFolder makes the new name itself survive a power loss.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
