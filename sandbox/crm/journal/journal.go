package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Journal appends lines to one file. It is safe for concurrent use.
type Journal struct {
	mu   sync.Mutex // guards file writes and size
	file *os.File
	size int64

	syncMu sync.Mutex // one fsync at a time; whoever waits for it is covered by it
	synced int64
}

// Open replays every line of the file to each, in order, and opens it for appending.
// It is locked until Close or the end of the process. A torn last line is cut off; an unreadable line before the last is an error, because
// going on would silently forget accepted writes.
func Open(path string, each func(line []byte) error) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	var size int64
	if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("another process has it open: %w", err)
	}
	if err == nil {
		size, err = replay(file, each)
	}
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", filepath.Base(path), err), file.Close())
	}
	return &Journal{file: file, size: size, synced: size}, nil
}

// replay returns the length of the sound part of the file.
func replay(file *os.File, each func(line []byte) error) (int64, error) {
	reader := bufio.NewReaderSize(file, 1<<20)
	var sound int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return sound, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read line %d: %w", number, err)
		}
		if !json.Valid(line) {
			if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
				return sound, nil
			}
			return 0, fmt.Errorf("line %d is not JSON", number)
		}
		if err := each(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
			return 0, fmt.Errorf("line %d: %w", number, err)
		}
		sound += int64(len(line))
	}
}

// Append writes one line and returns the position to hand to Sync. The line must not hold a line break.
func (j *Journal) Append(line []byte) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, err := j.file.Write(append(line, '\n'))
	if err != nil {
		// Half a line in the middle of the file would make the rest unreadable.
		if n > 0 {
			err = errors.Join(err, j.file.Truncate(j.size))
			_, seekErr := j.file.Seek(j.size, io.SeekStart)
			err = errors.Join(err, seekErr)
		}
		return 0, fmt.Errorf("append to journal: %w", err)
	}
	j.size += int64(n)
	return j.size, nil
}

// Sync returns when everything up to the position is on disk. Callers that wait together share one fsync.
func (j *Journal) Sync(position int64) error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	if j.synced >= position {
		return nil
	}
	j.mu.Lock()
	size := j.size
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.synced = size
	return nil
}

// Close syncs and closes the file.
func (j *Journal) Close() error {
	return errors.Join(j.file.Sync(), j.file.Close())
}
