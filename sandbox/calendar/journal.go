package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

const journalName = "calendar.jsonl"

// journal appends lines to the file and makes them durable in groups: while one group is being
// synced, the lines of all other requests gather for the next.
type journal struct {
	file *os.File

	mu      sync.Mutex
	changed sync.Cond
	pending []byte
	queued  uint64 // tickets handed out
	durable uint64 // tickets on disk
	failed  error
	closing bool
	done    chan struct{}
}

var errClosed = errors.New("journal is closed")

// openJournal locks the file, hands each of its lines to replay and gets ready to append.
func openJournal(dir string, replay func(line []byte) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := prepare(f, replay); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j := &journal{file: f, done: make(chan struct{})}
	j.changed.L = &j.mu
	go j.run()
	return j, nil
}

func prepare(f *os.File, replay func(line []byte) error) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock journal, is another sandbox using it: %w", err)
	}
	good, err := replayLines(f, replay)
	if err != nil {
		return err
	}
	if err := f.Truncate(good); err != nil {
		return fmt.Errorf("cut journal: %w", err)
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return fmt.Errorf("find journal's end: %w", err)
	}
	return nil
}

// append queues lines that are already in order and returns a ticket to wait for. It does not
// block, so it may be called under a workspace's lock, which is what keeps the order.
func (j *journal) append(lines []byte) (ticket uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(lines) > 0 {
		j.pending = append(j.pending, lines...)
		j.queued++
		j.changed.Broadcast()
	}
	// Without lines of its own a request still waits for what it saw in memory.
	return j.queued
}

// wait returns once all lines up to the ticket are on disk.
func (j *journal) wait(ticket uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < ticket && j.failed == nil {
		j.changed.Wait()
	}
	if j.durable >= ticket {
		return nil
	}
	return j.failed
}

// broken tells why nothing can be written any more.
func (j *journal) broken() <-chan struct{} { return j.done }

func (j *journal) run() {
	defer close(j.done)
	var spare []byte
	for {
		j.mu.Lock()
		for len(j.pending) == 0 && !j.closing {
			j.changed.Wait()
		}
		if len(j.pending) == 0 {
			j.failed = errClosed
			j.changed.Broadcast()
			j.mu.Unlock()
			return
		}
		lines, ticket := j.pending, j.queued
		j.pending = spare[:0]
		j.mu.Unlock()

		_, err := j.file.Write(lines)
		if err == nil {
			err = j.file.Sync()
		}
		spare = lines
		if cap(spare) > 8<<20 {
			spare = nil
		}

		j.mu.Lock()
		if err != nil {
			j.failed = fmt.Errorf("write journal: %w", err)
		} else {
			j.durable = ticket
		}
		j.changed.Broadcast()
		j.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// close writes what is queued and ends.
func (j *journal) close() error {
	j.mu.Lock()
	j.closing = true
	j.changed.Broadcast()
	j.mu.Unlock()
	<-j.done
	err := j.file.Close()
	if !errors.Is(j.failed, errClosed) {
		err = errors.Join(j.failed, err)
	}
	return err
}

// replayLines returns how many bytes of the file are whole, good lines.
func replayLines(r io.Reader, replay func(line []byte) error) (good int64, err error) {
	in := newLineReader(r)
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return good, nil // a last line without its end is cut off
		}
		if err != nil {
			return good, fmt.Errorf("read journal: %w", err)
		}
		if err := replay(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			if in.atEnd() {
				return good, nil
			}
			return good, fmt.Errorf("replay journal at byte %d: %w", good, err)
		}
		good += int64(len(line))
	}
}
