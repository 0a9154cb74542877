package crm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/manifest"
	"acmesync/sandbox/crm/webhooks"
)

// deadline is how long a test waits for what happens by itself.
const deadline = 10 * time.Second

// sandbox is a running Acme and the test that talks to it.
type sandbox struct {
	t   *testing.T
	url string
}

func start(t *testing.T, cfg crm.Config) *sandbox {
	t.Helper()
	acme, err := crm.Open(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(acme.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, acme.Close())
	})
	return &sandbox{t: t, url: server.URL}
}

// smallest is the business that starts fastest.
func smallest() []business.Business { return business.All()[2:] }

// as reports to another test.
func (s *sandbox) as(t *testing.T) *sandbox {
	t.Helper()
	return &sandbox{t: t, url: s.url}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *sandbox) send(method, path, key string, body any, headers ...string) (answer, error) {
	s.t.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(s.t, err)
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, content)
	require.NoError(s.t, err)
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, read}, errors.Join(err, response.Body.Close())
}

// call sends a request that is answered.
func (s *sandbox) call(method, path, key string, body any, headers ...string) answer {
	s.t.Helper()
	got, err := s.send(method, path, key, body, headers...)
	require.NoError(s.t, err)
	return got
}

func (s *sandbox) admin(method, path string, body, out any) {
	s.t.Helper()
	got := s.call(method, strings.TrimSuffix("/admin/accounts/"+path, "/"), "", body)
	require.Less(s.t, got.status, 300, "%s", got.body)
	if out != nil {
		require.NoError(s.t, json.Unmarshal(got.body, out))
	}
}

func (s *sandbox) patch(account string, body any) { s.admin(http.MethodPatch, account, body, nil) }
func (s *sandbox) faults(account string, body any) {
	s.admin(http.MethodPut, account+"/faults", body, nil)
}

func (s *sandbox) key(account string) string {
	s.t.Helper()
	var out struct {
		APIKey string `json:"api_key"`
	}
	s.admin(http.MethodGet, account, nil, &out)
	return out.APIKey
}

func (s *sandbox) totals(account string) accounts.Totals {
	s.t.Helper()
	var out accounts.Totals
	s.admin(http.MethodGet, account+"/totals", nil, &out)
	return out
}

func (s *sandbox) deliveries(account string) []webhooks.Delivery {
	s.t.Helper()
	var out struct {
		Data []webhooks.Delivery `json:"data"`
	}
	s.admin(http.MethodGet, account+"/deliveries", nil, &out)
	return out.Data
}

func (s *sandbox) client(account string) *acme.Client {
	return &acme.Client{BaseURL: s.url, APIKey: s.key(account), HTTP: &http.Client{Timeout: deadline}}
}

// walk reads a whole resource, deleted records included.
func (s *sandbox) walk(account string, r acme.Resource, limit int) []acme.Item {
	s.t.Helper()
	client, q := s.client(account), acme.ListQuery{Limit: limit, IncludeDeleted: true}
	var all []acme.Item
	for {
		page, err := client.List(s.t.Context(), r, q)
		require.NoError(s.t, err)
		all = append(all, page.Items...)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return all
		}
	}
}

// browser is a client that has logged in to the smallest business.
func (s *sandbox) browser(user string) *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(s.t, err)
	client := &http.Client{Jar: jar, Timeout: deadline}
	s.post(client, "/b/"+smallest()[0].ID+"/login", http.StatusOK, "user_id", user)
	return client
}

// post sends a form and returns the page it ends on.
func (s *sandbox) post(client *http.Client, path string, status int, fields ...string) string {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	response, err := client.PostForm(s.url+path, form)
	require.NoError(s.t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(s.t, errors.Join(err, response.Body.Close()))
	require.Equal(s.t, status, response.StatusCode, "%s", page)
	return string(page)
}

func park(t accounts.Totals) int {
	n := 0
	for code, count := range t.Manifest.Appointments {
		switch code {
		case manifest.OwnerUnmatched, manifest.TooOld, manifest.BeyondHorizon: // skipped
		default:
			n += count
		}
	}
	return n
}
