package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// Run runs the program once to its end, its output on the console, and fails when the program does.
func (s *Supervisor) Run(ctx context.Context, p Program) error {
	lines := s.Console.For(p.Name)
	defer lines.Flush()
	return s.runOnce(ctx, p, lines, lines)
}

// Output runs the program once and returns what it wrote to its standard output; the rest is on the console.
func (s *Supervisor) Output(ctx context.Context, p Program) ([]byte, error) {
	lines := s.Console.For(p.Name)
	defer lines.Flush()
	var out bytes.Buffer
	err := s.runOnce(ctx, p, &out, lines)
	return out.Bytes(), err
}

func (s *Supervisor) runOnce(ctx context.Context, p Program, stdout, stderr io.Writer) error {
	cmd := p.command(stderr)
	cmd.Stdout = stdout
	if err := s.Spawner.Start(cmd); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = s.end(cmd, ended, p)
		return fmt.Errorf("%s was stopped: %w", p.Name, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%s failed: %s", p.Name, describeEnd(err))
	}
	return nil
}
