// Package process runs the programs of the local stack: each as a process of its own whose output is
// prefixed with its name, which is started again when it dies, and which dies with the one that started it.
package process

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Spawner starts processes from one operating system thread that lives as long as the program. Linux sends
// the parent-death signal when the starting *thread* ends, and the Go runtime may end any other one.
type Spawner struct {
	work chan func()
}

// NewSpawner starts the thread. There is no way to end it, which is its purpose: make one per program.
func NewSpawner() *Spawner {
	s := &Spawner{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for start := range s.work {
			start()
		}
	}()
	return s
}

// Start starts the command.
func (s *Spawner) Start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s.work <- func() { done <- cmd.Start() }
	if err := <-done; err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return nil
}
