package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/api/server"
	"acmesync/api/server/hooks"
	"acmesync/config"
	"acmesync/control"
	"acmesync/db/dbtest"
	"acmesync/egress"
	"acmesync/workflows"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

const testKey = "Jm2VtXw8qLr5ZsYc1NfBhT4K"

// bundle is an api on a database of its own, with workflows that only note what they are told.
type bundle struct {
	*httptest.Server
	db        *dbtest.Database
	control   *control.Control
	workflows *notedWorkflows
	routes    gin.RoutesInfo
	hooks     *hooks.Receiver
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{db: dbtest.New(t), workflows: &notedWorkflows{}}
	spec, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	receiver, err := hooks.New(b.db.DB, b.workflows, "http://hooks.example", noop.Meter{}, zap.NewNop())
	require.NoError(t, err)
	b.hooks = receiver
	b.control = control.New(b.db.DB, b.workflows, egress.Policy{AllowPrivate: true}, zap.NewNop())
	api := &server.Server{
		Control: b.control, DB: b.db.DB, Hooks: receiver, PublicURL: "http://127.0.0.1:8080", Spec: spec, Log: zap.NewNop(),
		Keys: []config.APIKey{{Name: "backend", Key: config.NewSecret(testKey)}}, CursorSecret: config.NewSecret("test"),
		Temporal: func(context.Context) error { return nil },
	}
	handler, err := api.Handler()
	require.NoError(t, err)
	engine, ok := handler.(*gin.Engine)
	require.True(t, ok)
	b.routes = engine.Routes()
	b.Server = httptest.NewServer(handler)
	t.Cleanup(func() {
		b.Server.Close()
		receiver.Close()
		b.control.Later.Wait()
	})
	return b
}

// notedWorkflows is Temporal as far as an api needs it.
type notedWorkflows struct {
	mu    sync.Mutex
	noted []string
	err   error
	slow  time.Duration
}

func (n *notedWorkflows) note(ctx context.Context, text string) error {
	n.mu.Lock()
	n.noted = append(n.noted, text)
	err, slow := n.err, n.slow
	n.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

func (n *notedWorkflows) StartTenant(ctx context.Context, t acmesync.TenantID) error {
	return n.note(ctx, "start "+string(t))
}

func (n *notedWorkflows) Ring(ctx context.Context, t acmesync.TenantID) error {
	return n.note(ctx, "ring "+string(t))
}

func (n *notedWorkflows) Nudge(ctx context.Context, t acmesync.TenantID, update string, _ workflows.CommandInput) error {
	return n.note(ctx, update+" "+string(t))
}

func (n *notedWorkflows) NoticeReview(ctx context.Context, t acmesync.TenantID, fingerprint string) error {
	return n.note(ctx, "review "+string(t)+" "+fingerprint)
}

func (n *notedWorkflows) has(text string) func() bool {
	return func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, one := range n.noted {
			if one == text {
				return true
			}
		}
		return false
	}
}

func (n *notedWorkflows) count(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := 0
	for _, one := range n.noted {
		if one == text {
			found++
		}
	}
	return found
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (a answer) code() string {
	code, _ := a.json["code"].(string)
	return code
}

// call asks as the backend does.
func (b *bundle) call(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, in)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+testKey)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Del(headers[i])
		if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	return send(t, request)
}

func send(t testing.TB, request *http.Request) answer {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if strings.Contains(response.Header.Get("Content-Type"), "json") && len(bytes.TrimSpace(text)) > 0 && text[0] == '{' {
		require.NoError(t, json.Unmarshal(text, &got.json), got.text)
	}
	return got
}

// requireProblem holds an answer to RFC 9457 and to what our problems promise.
func requireProblem(t *testing.T, got answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, got.status, got.text)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	require.Equal(t, code, got.code(), got.text)
	require.Equal(t, "/docs#"+code, got.json["type"])
	require.EqualValues(t, status, got.json["status"])
	require.NotEmpty(t, got.json["title"])
	require.Equal(t, "urn:acmesync:request:"+got.header.Get("X-Request-Id"), got.json["instance"])
	for _, inner := range []string{"pq:", "sql", "goroutine", ".go:", "SELECT", "panic"} {
		require.NotContains(t, got.text, inner)
	}
}

// sides are an Acme and an app that answer checks.
type sides struct {
	acme, app *httptest.Server
}

func newSides(t testing.TB) sides {
	t.Helper()
	serve := func(path, want, body string) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch {
			case r.URL.Path != path:
				w.WriteHeader(http.StatusNotFound)
			case r.Header.Get("Authorization") != "Bearer "+want:
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"code":"unauthorized","message":"no"}`)
			default:
				fmt.Fprint(w, body)
			}
		}))
		t.Cleanup(server.Close)
		return server
	}
	return sides{
		acme: serve("/v1/account", "acme-key", `{"id":"a1","name":"Harbor Dental","time_zone":"America/New_York","region":"US"}`),
		app:  serve("/v1/workspace", "app-token", `{"id":"w1","name":"Harbor","time_zone":"America/New_York"}`),
	}
}

// draft creates a tenant with the given sides.
func (b *bundle) draft(t testing.TB, id string, s sides) {
	t.Helper()
	got := b.call(t, http.MethodPost, "/v1/tenants", fmt.Sprintf(
		`{"id":%q,"name":"Harbor Dental","acme":{"base_url":%q},"app":{"base_url":%q}}`, id, s.acme.URL, s.app.URL))
	require.Equal(t, http.StatusCreated, got.status, got.text)
}

const goodCredentials = `{"acme":{"api_key":"acme-key"},"app":{"token":"app-token"}}`

// active creates a tenant and activates it.
func (b *bundle) active(t testing.TB, id string, s sides) {
	t.Helper()
	b.draft(t, id, s)
	got := b.call(t, http.MethodPut, "/v1/tenants/"+id+"/credentials", goodCredentials)
	require.Equal(t, http.StatusNoContent, got.status, got.text)
	got = b.call(t, http.MethodPost, "/v1/tenants/"+id+"/activate", `{}`)
	require.Equal(t, http.StatusAccepted, got.status, got.text)
	require.Equal(t, "starting", got.json["state"])
}
