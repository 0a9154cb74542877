package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"acmesync/api/server/problem"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

func docsStyleHash() string {
	sum := sha256.Sum256([]byte(docsStyle))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// The page as its template sees it.
type (
	docsView struct {
		Title, Description string
		Style              template.CSS
		Groups             []docsGroup
		Codes              []problem.Code
	}
	docsGroup struct {
		Name, Description string
		Operations        []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary, Description string
		NeedsKey                               bool
		Parameters, Body                       []docsField
		Example                                string
		Answers                                []docsAnswer
	}
	docsAnswer struct {
		Status, Description string
		Fields              []docsField
	}
	docsField struct {
		Name, Where, Type, Description string
		Required                       bool
		Depth                          int
	}
)

// docsPage lays the description out as one page without any script.
func docsPage(document *openapi3.T) ([]byte, error) {
	page, err := template.New("docs").Funcs(template.FuncMap{"paragraphs": paragraphs, "prose": prose, "lower": strings.ToLower}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the docs page: %w", err)
	}
	view := docsView{
		Title: document.Info.Title, Description: document.Info.Description, Style: template.CSS(docsStyle), Codes: problem.Codes(),
	}
	for _, tag := range document.Tags {
		view.Groups = append(view.Groups, docsGroup{Name: tag.Name, Description: tag.Description, Operations: docsOperations(document, tag.Name)})
	}
	var out bytes.Buffer
	if err := page.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("lay the docs page out: %w", err)
	}
	return out.Bytes(), nil
}

func docsOperations(document *openapi3.T, tag string) []docsOperation {
	var all []docsOperation
	for path, item := range document.Paths.Map() {
		for method, o := range item.Operations() {
			if !slices.Contains(o.Tags, tag) {
				continue
			}
			one := docsOperation{
				ID: o.OperationID, Method: method, Path: path, Summary: o.Summary, Description: o.Description,
				NeedsKey: o.Security == nil, Answers: docsAnswers(o),
			}
			for _, p := range append(slices.Clone(item.Parameters), o.Parameters...) {
				one.Parameters = append(one.Parameters, docsField{Name: p.Value.Name, Where: p.Value.In, Type: typeOf(p.Value.Schema.Value),
					Description: p.Value.Description, Required: p.Value.Required})
			}
			if o.RequestBody != nil && o.RequestBody.Value.Content["application/json"] != nil {
				schema := o.RequestBody.Value.Content.Get("application/json").Schema.Value
				one.Body, one.Example = fieldsOf(schema, 0), exampleOf(schema)
			}
			all = append(all, one)
		}
	}
	order := []string{"POST", "GET", "PUT", "PATCH", "DELETE"}
	slices.SortFunc(all, func(a, b docsOperation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), slices.Index(order, a.Method)-slices.Index(order, b.Method))
	})
	return all
}

func docsAnswers(o *openapi3.Operation) []docsAnswer {
	var all []docsAnswer
	for status, r := range o.Responses.Map() {
		if r.Ref == "#/components/responses/Problem" {
			continue // every operation may end so
		}
		answer := docsAnswer{Status: status, Description: *r.Value.Description}
		if content := r.Value.Content.Get("application/json"); content != nil && content.Schema != nil {
			answer.Fields = fieldsOf(content.Schema.Value, 0)
		}
		all = append(all, answer)
	}
	slices.SortFunc(all, func(a, b docsAnswer) int { return strings.Compare(a.Status, b.Status) })
	return all
}

// fieldsOf lists a schema's fields, inner ones below the one that holds them.
func fieldsOf(s *openapi3.Schema, depth int) []docsField {
	if s.Items != nil {
		return fieldsOf(s.Items.Value, depth)
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	// What is needed first, in its own order; then the rest.
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(s.Required, a)-rank(s.Required, b), strings.Compare(a, b)) })
	var all []docsField
	for _, name := range names {
		field := s.Properties[name].Value
		all = append(all, docsField{Name: name, Type: typeOf(field), Description: field.Description, Required: slices.Contains(s.Required, name), Depth: depth})
		all = append(all, fieldsOf(field, depth+1)...)
	}
	return all
}

func rank(required []string, name string) int {
	if i := slices.Index(required, name); i >= 0 {
		return i
	}
	return len(required)
}

func typeOf(s *openapi3.Schema) string {
	switch {
	case len(s.Enum) > 0:
		return strings.Trim(fmt.Sprintf("%v", s.Enum), "[]")
	case s.Items != nil:
		return "list of " + typeOf(s.Items.Value)
	case s.Type == nil || len(*s.Type) == 0:
		return ""
	case s.Format != "":
		return s.Format
	case s.Min != nil && s.Max != nil:
		return fmt.Sprintf("%s, %.0f to %.0f", (*s.Type)[0], *s.Min, *s.Max)
	}
	return (*s.Type)[0]
}

func exampleOf(s *openapi3.Schema) string {
	if s.Example == nil {
		return ""
	}
	text, err := json.MarshalIndent(s.Example, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

// paragraphs splits at empty lines.
func paragraphs(text string) []template.HTML {
	var all []template.HTML
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		all = append(all, prose(part))
	}
	return all
}

var (
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	stressSpan = regexp.MustCompile(`\*{1,2}([^*]+)\*{1,2}`)
)

// prose turns the description's `code` and *stress* into HTML's.
func prose(text string) template.HTML {
	safe := template.HTMLEscapeString(text)
	return template.HTML(stressSpan.ReplaceAllString(codeSpan.ReplaceAllString(safe, "<code>$1</code>"), "<em>$1</em>")) // escaped above
}
