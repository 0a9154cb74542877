package acmetest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// contract holds requests and answers against acme.Spec.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

func newContract(t *testing.T) *contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(acme.Spec)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	doc.Servers = nil // any host will do
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return &contract{doc: doc, router: router}
}

// schema gives a component of the contract.
func (c *contract) schema(name string) *openapi3.Schema {
	return c.doc.Components.Schemas[name].Value
}

// checker is a transport that fails the test on an answer, or a request, the contract doesn't allow.
type checker struct {
	t        *testing.T
	contract *contract
	requests bool
	next     http.RoundTripper
}

// RoundTrip reads the answer whole, so that what is checked is what the caller gets.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	input := &openapi3filter.RequestValidationInput{
		Request: r, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	var err error
	input.Route, input.PathParams, err = c.contract.router.FindRoute(r)
	known := err == nil
	if c.requests {
		if !known {
			c.t.Errorf("%s %s is not in the contract: %v", r.Method, r.URL.Path, err)
		} else if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			c.t.Errorf("request %s %s breaks the contract: %s", r.Method, r.URL.Path, firstLine(err))
		}
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	c.checkHead(r, resp, body)
	if !known {
		return resp, nil
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options,
	}
	output.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), output); err != nil {
		c.t.Errorf("answer %d to %s %s breaks the contract: %s", resp.StatusCode, r.Method, r.URL, firstLine(err))
	}
	return resp, nil
}

// checkHead wants what every answer has to have, in the contract's words or not.
func (c *checker) checkHead(r *http.Request, resp *http.Response, body []byte) {
	if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
		c.t.Errorf("answer %d to %s %s has no Date", resp.StatusCode, r.Method, r.URL.Path)
	}
	want := "application/json"
	if r.Header.Get("Accept") == "application/xml" {
		want = "application/xml"
	}
	if got := resp.Header.Get("Content-Type"); len(body) > 0 && !strings.HasPrefix(got, want) {
		c.t.Errorf("answer %d to %s %s is %q", resp.StatusCode, r.Method, r.URL.Path, got)
	}
}

// firstLine leaves out the schema and value that the validator repeats behind the reason.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return line
}
