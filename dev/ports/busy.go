package ports

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// Wanted is a port that something is about to listen on.
type Wanted struct {
	Port int
	// For is what would use it, in words: "the API and console".
	For string
	// Variable is the environment variable that chooses another port, empty where there is none.
	Variable string
}

// Busy is a port that another process listens on.
type Busy struct {
	Wanted
	// Holder is that process in words, empty where the system does not say.
	Holder string
}

func (b Busy) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "port %d, wanted for %s, is in use", b.Port, b.For)
	if b.Holder != "" {
		fmt.Fprintf(&s, " by %s", b.Holder)
	}
	if b.Variable != "" {
		fmt.Fprintf(&s, "; stop that, or choose another port with %s", b.Variable)
	}
	return s.String()
}

// Check returns one error that names every wanted port that is taken, nil when all are free.
func Check(wanted []Wanted) error {
	var errs []error
	for _, w := range wanted {
		l, err := net.Listen("tcp", Address(w.Port))
		switch {
		case err == nil:
			_ = l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			errs = append(errs, Busy{Wanted: w, Holder: holder(w.Port)})
		default:
			errs = append(errs, fmt.Errorf("port %d, wanted for %s: %w", w.Port, w.For, err))
		}
	}
	return errors.Join(errs...)
}
