package mapping

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"acmesync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// ConfigSchema is the JSON Schema (draft 2020-12) of a tenant's configuration document.
//
//go:embed config.schema.json
var ConfigSchema []byte

// MaxConfigBytes bounds a configuration document.
const MaxConfigBytes = 256 << 10

const configSchemaURL = "urn:acmesync:config"

// compiledSchema fails only where the embedded file is broken, which any test shows.
var compiledSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(ConfigSchema))
	if err != nil {
		return nil, fmt.Errorf("read the configuration's schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(configSchemaURL, document); err != nil {
		return nil, fmt.Errorf("add the configuration's schema: %w", err)
	}
	s, err := c.Compile(configSchemaURL)
	if err != nil {
		return nil, fmt.Errorf("compile the configuration's schema: %w", err)
	}
	return s, nil
})

// ReadConfig reads a configuration document and holds it to the schema, or answers all that is wrong with it at once. What its
// parts mean together is Compile's to judge. The error is our own: the schema itself is broken.
func ReadConfig(document []byte) (acmesync.Config, []Problem, error) {
	var c acmesync.Config
	if len(document) > MaxConfigBytes {
		return c, []Problem{{Message: fmt.Sprintf("The document has %d bytes; at most %d are taken.", len(document), MaxConfigBytes),
			Hint: "Move long lists, such as owners, into Acme or the app."}}, nil
	}
	// Numbers as float64: the validator makes exact fractions of them, and one of a million digits would keep it busy for minutes.
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return c, []Problem{unreadable(document, err)}, nil
	}
	schema, err := compiledSchema()
	if err != nil {
		return c, nil, err
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &invalid) {
		problems := problemsOf(invalid, schema)
		slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Pointer, b.Pointer) })
		return c, problems, nil
	} else if err != nil {
		return c, nil, fmt.Errorf("hold a configuration to the schema: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil { // the schema lets nothing else through: a test holds both to each other
		return c, []Problem{unreadable(document, err)}, nil
	}
	return c, nil, nil
}

// unreadable says where JSON ends being JSON. The decoder's own texts may quote the document.
func unreadable(document []byte, err error) Problem {
	p := Problem{Message: "The document cannot be read as JSON.", Hint: "Look for a missing comma, quote or bracket just before this place."}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		p.Line, p.Column = place(document, int(syntax.Offset))
	case errors.As(err, &kind):
		p.Line, p.Column = place(document, int(kind.Offset))
		p.Message, p.Hint = "A number here is too large or too long to be read.", "Use a smaller one."
	}
	return p
}

// place counts lines and columns from 1, columns in bytes.
func place(document []byte, offset int) (line, column int) {
	before := document[:min(max(offset-1, 0), len(document))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// problemsOf takes the leaves of the validator's tree of errors, each in words of ours.
func problemsOf(e *jsonschema.ValidationError, schema *jsonschema.Schema) []Problem {
	pointer := pointerOf(e.InstanceLocation)
	if len(e.Causes) > 0 {
		var all []Problem
		for _, cause := range e.Causes {
			all = append(all, problemsOf(cause, schema)...)
		}
		return all
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		var all []Problem
		for _, name := range k.Properties {
			all = append(all, strangeName(pointer, name, fieldsAt(schema, e.InstanceLocation)))
		}
		return all
	case *kind.Required:
		var all []Problem
		for _, name := range k.Missing {
			all = append(all, Problem{Pointer: pointer + "/" + escape(name), Message: "This is needed.", Hint: "Add " + name + "."})
		}
		return all
	}
	message, hint := sentence(e.ErrorKind)
	return []Problem{{Pointer: pointer, Message: message, Hint: hint}}
}

func strangeName(pointer, name string, known []string) Problem {
	p := Problem{Pointer: pointer + "/" + escape(short(name)), Message: "There is no such field here."}
	slices.Sort(known)
	if near := closest(name, known); near != "" {
		p.Hint = "Did you mean " + near + "?"
	} else if len(known) > 0 {
		p.Hint = "There are " + strings.Join(known, ", ") + "."
	}
	return p
}

// fieldsAt are the names of the fields that the schema knows at a place.
func fieldsAt(s *jsonschema.Schema, location []string) []string {
	for s.Ref != nil {
		s = s.Ref
	}
	if len(location) == 0 {
		names := make([]string, 0, len(s.Properties))
		for name := range s.Properties {
			names = append(names, name)
		}
		return names
	}
	if next, ok := s.Properties[location[0]]; ok {
		return fieldsAt(next, location[1:])
	}
	if s.Items2020 != nil {
		return fieldsAt(s.Items2020, location[1:])
	}
	return nil
}

func pointerOf(location []string) string {
	var b strings.Builder
	for _, part := range location {
		b.WriteString("/" + escape(short(part)))
	}
	return b.String()
}

func escape(part string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(part) }

// short bounds what of a document comes back in an answer.
func short(text string) string { return clip(text, 64) }
