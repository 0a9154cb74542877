package apptest

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// validator is a transport that fails the test on an answer the contract does not allow.
type validator struct {
	t      *testing.T
	next   http.RoundTripper
	router routers.Router
}

func newValidator(t *testing.T, next http.RoundTripper) *validator {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(app.Spec)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	doc.Servers = nil // else the host would have to match as well
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	if next == nil {
		next = http.DefaultTransport
	}
	return &validator{t: t, next: next, router: router}
}

// RoundTrip passes the request on and looks at the answer.
func (v *validator) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := v.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := v.router.FindRoute(req)
	if err != nil {
		v.t.Errorf("%s %s is not in the contract: %v", req.Method, req.URL.Path, err)
		return res, nil
	}
	options := &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
	}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route, Options: options,
		},
		Status: res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
	if err != nil {
		v.t.Errorf("the answer of %s %s is not what the contract says: %v", req.Method, req.URL.Path, err)
	}
	return res, nil
}
