// Package backend plays the part of the app's own backend, which sets tenants up over acmesync's REST API:
// it reads the sandboxes' businesses, activates a tenant for each, and watches the first sync until acmesync's
// balance equals what the sandboxes themselves count.
package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// call sends one request and decodes the answer into out, unless out is nil. Any status but the accepted ones
// is an error that carries the answer's own words.
func call(ctx context.Context, c *http.Client, method, url, bearer string, in, out any, accepted ...int) (status int, err error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, fmt.Errorf("build the request: %w", err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err != nil {
		return response.StatusCode, fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	if !slices.Contains(accepted, response.StatusCode) {
		return response.StatusCode, fmt.Errorf("%s %s: %s %s", method, url, response.Status, strings.TrimSpace(string(raw)))
	}
	if out == nil || response.StatusCode >= http.StatusBadRequest {
		return response.StatusCode, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return response.StatusCode, fmt.Errorf("%s %s: decode the answer: %w", method, url, err)
	}
	return response.StatusCode, nil
}
