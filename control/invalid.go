package control

import (
	"errors"
	"strings"
)

// Invalid is what is wrong with a request, all of it.
type Invalid struct {
	Code     string // for machines, such as invalid_value
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Pointer string `json:"pointer"` // a JSON pointer into the request's body
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Line    int    `json:"line,omitempty"` // into the text that the pointer names, from 1
	Column  int    `json:"column,omitempty"`
}

// Error lists the problems in one line.
func (i *Invalid) Error() string {
	all := make([]string, len(i.Problems))
	for n, p := range i.Problems {
		all[n] = strings.TrimSpace(strings.TrimPrefix(p.Pointer, "/") + " " + p.Message + " " + p.Hint)
	}
	return strings.Join(all, "; ")
}

func (i *Invalid) add(pointer, message string) {
	i.Problems = append(i.Problems, Problem{Pointer: pointer, Message: message})
}

// err is nil where nothing is wrong.
func (i *Invalid) err() error {
	if len(i.Problems) == 0 {
		return nil
	}
	return i
}

// inConfig moves the pointers of what is wrong with a document to where it stands in a larger body.
func inConfig(err error) error {
	var invalid *Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	moved := &Invalid{Code: invalid.Code}
	for _, p := range invalid.Problems {
		p.Pointer = "/config" + p.Pointer
		moved.Problems = append(moved.Problems, p)
	}
	return moved
}
