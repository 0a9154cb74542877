package process

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

// kept is how many of a program's last lines a console remembers for a report of what went wrong.
const kept = 60

// Console writes the output of several programs to one place, whole lines only, each with its program's name
// in front. It may be used by many goroutines.
type Console struct {
	// Out gets the lines; Quiet keeps them back, remembered for Tail.
	Out   io.Writer
	Color bool
	Quiet bool

	mu     sync.Mutex
	colors map[string]int
	last   map[string][]string
}

// width is that of the longest name in the stack.
const width = 12

// Say writes one line in a program's name, quiet or not.
func (c *Console) Say(name, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(name, fmt.Sprintf(format, args...))
}

// Plain writes text without a name in front, never in between two halves of a line.
func (c *Console) Plain(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.Out, text)
}

// Tail returns the last lines a program wrote.
func (c *Console) Tail(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.last[name])
}

// For returns a writer for one run of the named program.
func (c *Console) For(name string) *Lines { return &Lines{console: c, name: name} }

func (c *Console) write(name, line string) {
	if !c.Color {
		_, _ = fmt.Fprintf(c.Out, "%-*s | %s\n", width, name, line)
		return
	}
	if c.colors == nil {
		c.colors = map[string]int{}
	}
	if _, ok := c.colors[name]; !ok {
		// The six bright-enough colours of any terminal, in order of appearance.
		c.colors[name] = 31 + (len(c.colors)+1)%6
	}
	_, _ = fmt.Fprintf(c.Out, "\x1b[%dm%-*s |\x1b[0m %s\n", c.colors[name], width, name, line)
}

func (c *Console) line(name, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string][]string{}
	}
	lines := append(c.last[name], line)
	c.last[name] = lines[max(0, len(lines)-kept):]
	if !c.Quiet {
		c.write(name, line)
	}
}

// Lines cuts a program's output into lines for its console.
type Lines struct {
	console *Console
	name    string
	rest    []byte
}

func (l *Lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, after, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.console.line(l.name, string(bytes.TrimRight(line, "\r")))
		l.rest = after
	}
}

// Flush writes what stands after the last line's end.
func (l *Lines) Flush() {
	if len(l.rest) > 0 {
		l.console.line(l.name, string(l.rest))
		l.rest = nil
	}
}
