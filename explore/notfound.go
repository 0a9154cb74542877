package explore

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"acmesync/acme"
)

// notFound asks for a record that there is not, without the client: what counts is the form of the refusal. Under a profile
// single gets may lie anywhere.
func (e *Explorer) notFound(ctx context.Context, w *walk) (Answer, string) {
	if e.report.Profile {
		return Unknown, "Not tried under a profile"
	}
	var status int
	var body []byte
	err := e.try(ctx, func() error {
		url := strings.TrimRight(e.BaseURL, "/") + "/v1/" + string(w.resource) + "/" + noSuchID
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+e.APIKey)
		req.Header.Set("Accept", "application/json")
		resp, err := e.client.HTTP.Do(req)
		if err != nil {
			return &acme.Error{Kind: acme.KindUnavailable, Code: acme.CodeUnreachable}
		}
		defer func() { _ = resp.Body.Close() }()
		status = resp.StatusCode
		if body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10)); err != nil {
			return &acme.Error{Kind: acme.KindUnavailable, Code: acme.CodeHalfAnswer}
		}
		if status == http.StatusTooManyRequests {
			return &acme.Error{Kind: acme.KindRateLimited, Status: status}
		}
		return nil
	})
	if err != nil {
		return Unknown, sentence(err)
	}
	var told struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}
	switch err := json.Unmarshal(body, &told); {
	case status != http.StatusNotFound:
		return No, fmt.Sprintf("A record that does not exist is answered %d, not 404", status)
	case err != nil || told.Code == "" || told.Message == "" || told.RequestID == "":
		return No, "A 404 is not told as code, message and request_id"
	}
	return Yes, ""
}
