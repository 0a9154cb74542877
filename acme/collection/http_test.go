package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"

	"github.com/stretchr/testify/require"
)

// editor sends an .http file from top to bottom, as far as this file uses the form.
type editor struct {
	t       *testing.T
	values  map[string]string
	answers map[string]map[string]any
}

var (
	placeholder = regexp.MustCompile(`\{\{([^}]+)\}\}`)
	fromAnswer  = regexp.MustCompile(`^(\w+)\.response\.body\.\$\.(?:(\w+)\[0\]\.)?(\w+)$`)
)

func (e *editor) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found, "{}")
		if name == "$guid" {
			return e.t.Name() + strings.Repeat("-", len(e.answers)+1)
		}
		if path := fromAnswer.FindStringSubmatch(name); path != nil {
			answer := e.answers[path[1]]
			require.NotNil(e.t, answer, name)
			if path[2] != "" {
				answer = answer[path[2]].([]any)[0].(map[string]any)
			}
			return answer[path[3]].(string)
		}
		value, ok := e.values[name]
		require.True(e.t, ok, "%s is not set", name)
		return value
	})
}

// send makes a block's request, if it has one, and answers its name and status.
func (e *editor) send(block string) (name string, status int) {
	var head []string
	text, body, _ := strings.Cut(block, "\n\n")
	for _, one := range strings.Split(text, "\n") {
		if set := regexp.MustCompile(`^@(\w+) =\s*(.*)$`).FindStringSubmatch(one); set != nil {
			if e.values[set[1]] == "" {
				e.values[set[1]] = e.fill(set[2])
			}
		} else if found, is := strings.CutPrefix(one, "# @name "); is {
			name = found
		} else if one != "" && !strings.HasPrefix(one, "#") {
			head = append(head, e.fill(one))
		}
	}
	if name == "" {
		return "", 0
	}
	method, url, ok := strings.Cut(head[0], " ")
	require.True(e.t, ok)
	req, err := http.NewRequestWithContext(e.t.Context(), method, url, strings.NewReader(e.fill(body)))
	require.NoError(e.t, err)
	for _, one := range head[1:] {
		field, value, _ := strings.Cut(one, ": ")
		req.Header.Set(field, value)
	}
	resp, err := (&http.Client{}).Do(req)
	require.NoError(e.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(e.t, err)
	var answer map[string]any
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(e.t, json.Unmarshal(raw, &answer))
	}
	e.answers[name] = answer
	return name, resp.StatusCode
}

func TestHTTPFileWorksAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	b := business.All()[2]
	b.Contacts, b.Appointments, b.Touchpoints = 5, 5, 5
	side, err := crm.Open(crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: []business.Business{b}})
	require.NoError(t, err)
	server := httptest.NewServer(side.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, side.Close())
	})
	resp, err := server.Client().Get(server.URL + "/admin/accounts/" + b.ID)
	require.NoError(t, err)
	defer resp.Body.Close()
	var account struct {
		APIKey string `json:"api_key"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&account))

	requests, err := read(acme.Spec)
	require.NoError(t, err)
	e := &editor{t: t, answers: map[string]map[string]any{}, values: map[string]string{
		"baseUrl": server.URL, "apiKey": account.APIKey, "hookUrl": "http://127.0.0.1:1/hook", "survivorId": "con_000001",
	}}
	sent := 0
	for i, block := range strings.Split(string(httpFile(requests)), "\n###") {
		if i > 0 {
			_, block, _ = strings.Cut(block, "\n") // its title
		}
		name, status := e.send(block)
		if name == "" {
			continue
		}
		require.Equal(t, requests[sent].operation, name)
		require.Equal(t, requests[sent].status, status, "%s: %v", name, e.answers[name])
		sent++
	}
	require.Equal(t, len(requests), sent)
}
