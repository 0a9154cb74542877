package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"acmesync/dev/process"
)

// A data folder and the cluster that belongs to it carry the same random mark. As root they are two folders,
// and either can be deleted without the other.
const mark = "cluster-mark"

// forgetOrphan removes a cluster whose data folder was deleted meanwhile. What else that folder held, such as
// the key the records are sealed with, is gone: the cluster could not be read any more.
func (c *Cluster) forgetOrphan(s *process.Supervisor) error {
	if c.home.dir == c.Data || c.home.user == nil {
		return nil
	}
	ours, errOurs := os.ReadFile(filepath.Join(c.Data, mark))
	theirs, errTheirs := os.ReadFile(filepath.Join(c.home.dir, mark))
	if errOurs == nil && errTheirs == nil && string(ours) == string(theirs) {
		return nil
	}
	if errTheirs == nil {
		s.Console.Say("postgres", "%s was deleted since the last start: its database in %s is forgotten", c.Data, c.home.dir)
	}
	if err := emptied(c.home.dir); err != nil {
		return err
	}
	fresh := []byte(rand.Text())
	for _, dir := range []string{c.home.dir, c.Data} {
		if err := os.WriteFile(filepath.Join(dir, mark), fresh, 0o600); err != nil {
			return fmt.Errorf("mark the cluster: %w", err)
		}
	}
	return nil
}

// Forget removes all the data of the cluster that belongs to a data folder, and that folder. The server must
// not be running.
func Forget(data string) error {
	h, err := homeOf(data)
	if err != nil {
		return err
	}
	for _, dir := range []string{h.dir, data} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("forget the database: %w", err)
		}
	}
	return nil
}

func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the cluster's folder: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("forget the database: %w", err)
		}
	}
	return nil
}
