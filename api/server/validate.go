package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"

	"acmesync/api/server/problem"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"
)

// operation is one entry of the description.
type operation struct{ route *routers.Route }

// validate holds a request to the description and reports all that differs.
func (o operation) validate(c *gin.Context) error {
	if o.streams() {
		return o.validateHead(c)
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	c.Set(keyBody, body)
	if o.route.Operation.RequestBody == nil && len(body) > 0 {
		return problem.New(problem.InvalidRequest, "This takes no body.")
	}
	found := faults{fields: o.strangeParameters(c)}
	found.structural = len(found.fields) > 0

	request := c.Request.Clone(c.Request.Context())
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	parameters := make(map[string]string, len(c.Params))
	for _, p := range c.Params {
		parameters[p.Key] = param(c, p.Key)
	}
	err = openapi3filter.ValidateRequest(c.Request.Context(), &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: o.route,
		Options: &openapi3filter.Options{MultiError: true, SkipSettingDefaults: true,
			AuthenticationFunc: func(context.Context, *openapi3filter.AuthenticationInput) error { return nil }},
	})
	found.collect(err, "")
	return found.problem()
}

// streams tells whether a request's body is bytes of any number, which the handler reads itself.
func (o operation) streams() bool {
	body := o.route.Operation.RequestBody
	return body != nil && body.Value.Content["text/csv"] != nil
}

// validateHead holds all of a request but its body to the description.
func (o operation) validateHead(c *gin.Context) error {
	kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "text/csv" || c.GetHeader("Content-Encoding") != "" {
		return problem.New(problem.UnsupportedMediaType, "Send text/csv, not compressed.")
	}
	found := faults{fields: o.strangeParameters(c)}
	found.structural = len(found.fields) > 0
	return found.problem()
}

// strangeParameters finds query parameters that are not described, or stand twice.
func (o operation) strangeParameters(c *gin.Context) []problem.Field {
	var fields []problem.Field
	known := append(slices.Clone(o.route.PathItem.Parameters), o.route.Operation.Parameters...)
	query := c.Request.URL.Query()
	if strings.Contains(c.Request.URL.RawQuery, ";") {
		fields = append(fields, problem.Field{Pointer: "query", Message: "separate parameters by &"})
	}
	for name, values := range query {
		switch {
		case known.GetByInAndName(openapi3.ParameterInQuery, name) == nil:
			fields = append(fields, problem.Field{Pointer: "query:" + short(name), Message: "is not known here"})
		case len(values) > 1:
			fields = append(fields, problem.Field{Pointer: "query:" + name, Message: "must stand once"})
		}
	}
	slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return fields
}

// faults are what differs; structural is what no value could mend.
type faults struct {
	fields     []problem.Field
	structural bool
}

func (f *faults) add(pointer, message string) {
	one := problem.Field{Pointer: pointer, Message: message}
	if !slices.Contains(f.fields, one) {
		f.fields = append(f.fields, one)
	}
}

func (f *faults) problem() error {
	if len(f.fields) == 0 {
		return nil
	}
	texts := make([]string, 0, len(f.fields))
	for _, one := range f.fields {
		texts = append(texts, strings.TrimPrefix(strings.TrimPrefix(one.Pointer, "/"), "query:")+" "+one.Message)
	}
	code := problem.InvalidValue
	if f.structural {
		code = problem.InvalidRequest
	}
	return problem.New(code, short(strings.TrimSpace(strings.Join(texts, "; "))), f.fields...)
}

// collect walks the validator's nested errors. Its own texts are not shown: they quote schemas and values.
func (f *faults) collect(err error, at string) {
	if err == nil {
		return
	}
	var request *openapi3filter.RequestError
	var schema *openapi3.SchemaError
	switch e := err.(type) { //nolint:errorlint // a MultiError answers errors.As for any one of its errors; here all are wanted
	case openapi3.MultiError:
		for _, one := range e {
			f.collect(one, at)
		}
		return
	case *openapi3filter.RequestError:
		request = e
	case *openapi3.SchemaError:
		schema = e
	}
	switch {
	case request != nil && request.Parameter != nil:
		f.structural = true
		before := len(f.fields)
		f.collect(request.Err, request.Parameter.In+":"+request.Parameter.Name)
		if len(f.fields) == before {
			f.add(request.Parameter.In+":"+request.Parameter.Name, "cannot be read as described")
		}
	case request != nil && request.Err == nil, request != nil && errors.Is(request.Err, openapi3filter.ErrInvalidRequired):
		f.structural = true
		f.add("", "a body is needed")
	case request != nil:
		f.collect(request.Err, at)
	case schema != nil:
		f.schema(schema, at)
	default:
		f.structural = true
		if at == "" || errors.Is(err, openapi3filter.ErrInvalidRequired) {
			f.add(at, "is needed")
		} else {
			f.add(at, "cannot be read as described")
		}
	}
}

func (f *faults) schema(e *openapi3.SchemaError, at string) {
	pointer := at
	if at == "" {
		for _, part := range e.JSONPointer() {
			pointer += "/" + escaped(part)
		}
	}
	message, ofValue := sentence(e)
	f.structural = f.structural || !ofValue
	if strangers := strangersOf(e); len(strangers) > 0 {
		for _, name := range strangers {
			f.add(pointer+"/"+escaped(name), message)
		}
		return
	}
	f.add(pointer, message)
}

// strangersOf are the fields of an object that its schema does not know; the validator points to the object only.
func strangersOf(e *openapi3.SchemaError) []string {
	object, ok := e.Value.(map[string]any)
	if !ok || (e.SchemaField != "properties" && e.SchemaField != "additionalProperties") {
		return nil
	}
	var names []string
	for name := range object {
		if e.Schema.Properties[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func escaped(name string) string {
	return short(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// sentence says what a value must be, and whether another value of the same type could be.
func sentence(e *openapi3.SchemaError) (text string, ofValue bool) {
	s := e.Schema
	switch e.SchemaField {
	case "required":
		return "is needed", false
	case "additionalProperties", "properties":
		return "is not known here", false
	case "type", "nullable":
		if s.Type != nil && len(*s.Type) > 0 {
			return "must be of type " + strings.Join(*s.Type, " or "), false
		}
		return "has the wrong type", false
	case "enum":
		return fmt.Sprintf("must be one of %v", s.Enum), true
	case "minimum", "maximum":
		return "must be " + bounds(s.Min, s.Max), true
	case "minLength", "maxLength":
		longest := "any number of"
		if s.MaxLength != nil {
			longest = fmt.Sprint(*s.MaxLength)
		}
		return fmt.Sprintf("must have %d to %s characters", s.MinLength, longest), true
	case "minItems", "maxItems":
		longest := "any number of"
		if s.MaxItems != nil {
			longest = fmt.Sprint(*s.MaxItems)
		}
		return fmt.Sprintf("must have %d to %s entries", s.MinItems, longest), true
	case "pattern":
		return "must match " + s.Pattern, true
	}
	return "is not as described", true
}

func bounds(least, most *float64) string {
	switch {
	case least != nil && most != nil:
		return fmt.Sprintf("%.0f to %.0f", *least, *most)
	case least != nil:
		return fmt.Sprintf("at least %.0f", *least)
	default:
		return fmt.Sprintf("at most %.0f", *most)
	}
}

// short bounds what of a request comes back in an answer.
func short(text string) string {
	const most = 64
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}
