package control

import "strings"

// Invalid is what is wrong with a request, all of it.
type Invalid struct {
	Code     string // for machines, such as invalid_value
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Pointer string `json:"pointer"` // a JSON pointer into the request's body
	Message string `json:"message"`
}

// Error lists the problems in one line.
func (i *Invalid) Error() string {
	all := make([]string, len(i.Problems))
	for n, p := range i.Problems {
		all[n] = strings.TrimPrefix(p.Pointer, "/") + " " + p.Message
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
