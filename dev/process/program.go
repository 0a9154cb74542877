package process

import (
	"context"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// User is the system user a program runs as.
type User struct {
	UID, GID uint32
	// Home is given to the program as HOME: many read files there, and the starter's is closed to them.
	Home string
}

// Program says how to run one part of the stack, and how to end it.
type Program struct {
	// Name stands in front of each line of its output.
	Name string
	Path string
	Args []string
	Env  []string
	Dir  string
	// User is who it runs as; nil means as the supervisor itself.
	User *User
	// StopSignal asks it to end in order, SIGTERM when zero. After StopGrace, 10 s when zero, it is killed.
	StopSignal syscall.Signal
	StopGrace  time.Duration
	// OrphanSignal is what it gets when the supervisor dies without stopping it, SIGKILL when zero.
	OrphanSignal syscall.Signal
	// Ready returns nil once the program does its work; nil means ready as soon as it runs.
	Ready func(context.Context) error
}

func (p Program) command(output io.Writer) *exec.Cmd {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Dir = p.Env, p.Dir
	cmd.Stdout, cmd.Stderr = output, output
	orphan := p.OrphanSignal
	if orphan == 0 {
		orphan = syscall.SIGKILL
	}
	cmd.SysProcAttr = Attributes(p.User, orphan)
	// A grandchild that keeps the output open must not keep its parent's end from being seen.
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

func (p Program) stopSignal() syscall.Signal {
	if p.StopSignal == 0 {
		return syscall.SIGTERM
	}
	return p.StopSignal
}

func (p Program) stopGrace() time.Duration {
	if p.StopGrace == 0 {
		return 10 * time.Second
	}
	return p.StopGrace
}
