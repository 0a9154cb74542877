package calendar

import "sync"

// changes tells waiting pages that a workspace looks different now.
type changes struct {
	mu      sync.Mutex
	version uint64
	next    chan struct{}
}

// now returns the present version and a channel that closes at the next change.
func (c *changes) now() (version uint64, next <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.version, c.next
}

func (c *changes) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}
