package stack

import (
	"fmt"
	"os"
	"path/filepath"
)

const scratchPrefix = "acmesync-dev-"

// Scratch is a data folder that is thrown away, with the database that belongs to it.
type Scratch struct {
	Dir  string
	held *os.File
}

// NewScratch makes one, and clears away those whose owners were killed before they could.
func NewScratch() (*Scratch, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for left-over folders: %w", err)
	}
	for _, dir := range left {
		if held, err := lock(dir); err == nil {
			_ = (&Scratch{Dir: dir, held: held}).Close()
		}
	}
	dir, err := os.MkdirTemp("", scratchPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create a temporary data folder: %w", err)
	}
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	return &Scratch{Dir: dir, held: held}, nil
}

// Data is where a stack's data goes: below the folder, whose own lock is held here.
func (s *Scratch) Data() string { return filepath.Join(s.Dir, "data") }

// Close throws the folder away.
func (s *Scratch) Close() error {
	err := forget(s.Data())
	if errDir := os.RemoveAll(s.Dir); err == nil && errDir != nil {
		err = fmt.Errorf("remove the temporary folder: %w", errDir)
	}
	_ = s.held.Close()
	return err
}
