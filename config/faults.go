package config

import (
	"errors"
	"strings"
)

// ExitCode is what a program ends with when its configuration is at fault.
const ExitCode = 2

// ExitCodeOf is what a program ends with after any failure: ExitCode where its configuration is at fault, else 1.
func ExitCodeOf(err error) int {
	if faults := (Faults)(nil); errors.As(err, &faults) {
		return ExitCode
	}
	return 1
}

// Fault is one variable that cannot be used as it is. It never quotes a value: that may be a secret.
type Fault struct {
	Variable string
	Problem  string // completes "DATABASE_URL …"
	Remedy   string // what to do, as an order
}

// Faults are all that is wrong with an environment, found in one go.
type Faults []Fault

// Error lists the faults, one a line.
func (f Faults) Error() string {
	var b strings.Builder
	b.WriteString("the configuration cannot be used:")
	for _, one := range f {
		b.WriteString("\n  " + one.Variable + " " + one.Problem + ": " + one.Remedy)
	}
	return b.String()
}

func (f *Faults) add(variable, problem, remedy string) {
	*f = append(*f, Fault{Variable: variable, Problem: problem, Remedy: remedy})
}

// err is nil where nothing is wrong; a nil Faults in an error would not be.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
