package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// request is one operation with all that is needed to make it.
type request struct {
	step
	method, path string // the path with {{variables}}
	tag          string
	summary      string
	query        []parameter
	headers      []parameter
	body         string // JSON with {{variables}}; empty: none
	status       int    // of success
	schema       any    // of a successful answer, as JSON Schema; nil: no body
}

// parameter is one of the query or of the head; one that is off is only offered.
type parameter struct {
	name, value, note string
	off               bool
}

// read makes requests of the contract, in the story's order.
func read(spec []byte) ([]request, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	found := map[string]request{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			r, err := requestOf(method, path, operation)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", operation.OperationID, err)
			}
			found[operation.OperationID] = r
		}
	}
	var all []request
	for _, s := range story {
		r, ok := found[s.operation]
		if !ok {
			return nil, fmt.Errorf("the contract has no operation %s", s.operation)
		}
		delete(found, s.operation)
		all = append(all, r.in(s))
	}
	if left := slices.Sorted(maps.Keys(found)); len(left) > 0 {
		return nil, fmt.Errorf("the story does not tell of %s", strings.Join(left, ", "))
	}
	return all, nil
}

func requestOf(method, path string, o *openapi3.Operation) (request, error) {
	r := request{method: method, path: path, tag: o.Tags[0], summary: o.Summary}
	for _, p := range o.Parameters {
		one := parameter{name: p.Value.Name, note: firstSentence(p.Value.Description)}
		switch one.off = true; p.Value.In {
		case "query":
			if one.name == "limit" {
				one.value, one.off = limit, false
			}
			r.query = append(r.query, one)
		case "header":
			if one.name == "Idempotency-Key" {
				one.value, one.off = "{{$guid}}", false
			}
			r.headers = append(r.headers, one)
		}
	}
	if o.RequestBody != nil {
		media := o.RequestBody.Value.Content.Get("application/json")
		if media == nil || media.Example == nil {
			return r, fmt.Errorf("its body has no example")
		}
		text, err := json.MarshalIndent(media.Example, "", "  ")
		if err != nil {
			return r, fmt.Errorf("write its example: %w", err)
		}
		r.body = string(text)
	}
	for _, code := range slices.Sorted(maps.Keys(o.Responses.Map())) {
		status, err := strconv.Atoi(code)
		if err != nil || status < 200 || status > 299 {
			continue
		}
		r.status = status
		if media := o.Responses.Value(code).Value.Content.Get("application/json"); media != nil {
			r.schema = jsonSchema(media.Schema.Value)
		}
	}
	if r.status == 0 {
		return r, fmt.Errorf("it has no successful answer")
	}
	return r, nil
}

// in puts the story's variables into the path and the body.
func (r request) in(s step) request {
	r.step = s
	if s.id != "" {
		r.path = strings.ReplaceAll(r.path, "{id}", "{{"+s.id+"}}")
	}
	r.path = strings.ReplaceAll(r.path, "{resource}", s.resource)
	if r.body == "" {
		return r
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		return r // an array would have no fields
	}
	for name := range body {
		variable := references[name]
		if name == "ids" {
			variable = s.id
		}
		if variable == "" {
			continue
		}
		if _, list := body[name].([]any); list {
			body[name] = []any{"{{" + variable + "}}"}
		} else {
			body[name] = "{{" + variable + "}}"
		}
	}
	text, _ := json.MarshalIndent(body, "", "  ") // it was read from JSON
	r.body = string(text)
	return r
}

// firstSentence is enough beside a field.
func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if head, _, more := strings.Cut(text, ". "); more {
		return head
	}
	return strings.TrimSuffix(text, ".")
}
