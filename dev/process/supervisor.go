package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// settled is how long a program must have run for its next death to count as the first.
	settled = 30 * time.Second
	// hopeless is how many deaths in a row, before it was ever ready, end the wait for a program.
	hopeless = 5
)

// Supervisor starts programs and keeps them running until each is stopped.
type Supervisor struct {
	Spawner *Spawner
	Console *Console
}

// Running is a program under supervision.
type Running struct {
	Program

	stop    context.CancelFunc
	stopped chan struct{}
	// deaths carries each end that nobody asked for, until somebody waits for readiness.
	deaths chan string
}

// Start runs the program, and runs it again whenever it ends, until Stop.
func (s *Supervisor) Start(p Program) *Running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{Program: p, stop: cancel, stopped: make(chan struct{}), deaths: make(chan string, hopeless)}
	go func() {
		defer close(r.stopped)
		s.keep(ctx, r)
	}()
	return r
}

// keep is the loop of one program's lives.
func (s *Supervisor) keep(ctx context.Context, r *Running) {
	backoff := firstBackoff
	for {
		began := time.Now()
		end := s.once(ctx, r.Program)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > settled {
			backoff = firstBackoff
		}
		s.Console.Say(r.Name, "ended by itself (%s); it is started again in %s", end, backoff)
		select {
		case r.deaths <- end:
		default:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(backoff*2, lastBackoff)
	}
}

// once runs one life of the program and says how it ended. When the context ends it stops the program: in
// order at first, then outright.
func (s *Supervisor) once(ctx context.Context, p Program) string {
	lines := s.Console.For(p.Name)
	defer lines.Flush()
	cmd := p.command(lines)
	if err := s.Spawner.Start(cmd); err != nil {
		return err.Error()
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return describeEnd(err)
	case <-ctx.Done():
	}
	return describeEnd(s.end(cmd, ended, p))
}

// end stops a program that runs: in order at first, then outright with whatever it started itself.
func (s *Supervisor) end(cmd *exec.Cmd, ended <-chan error, p Program) error {
	_ = cmd.Process.Signal(p.stopSignal())
	select {
	case err := <-ended:
		return err
	case <-time.After(p.stopGrace()):
	}
	s.Console.Say(p.Name, "did not end within %s and is killed", p.stopGrace())
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return <-ended
}

func describeEnd(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit status 0"
	case errors.As(err, &exit):
		return exit.String()
	default:
		return err.Error()
	}
}

// WaitReady waits until the program is ready. It gives up when the program has died several times without
// ever becoming ready, or with the context.
func (r *Running) WaitReady(ctx context.Context) error {
	if r.Ready == nil {
		return nil
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	died := 0
	var last error
	for {
		if last = r.Ready(ctx); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w", r.Name, last)
		case end := <-r.deaths:
			if died++; died == hopeless {
				return fmt.Errorf("%s ended %d times before it was ready, at last with %s", r.Name, died, end)
			}
		case <-tick.C:
		}
	}
}

// Stop ends the program and returns when its process is gone.
func (r *Running) Stop() {
	r.stop()
	<-r.stopped
}
