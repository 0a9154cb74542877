package acme_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// speaking gives a client of handler that speaks by a profile.
func speaking(t *testing.T, document string, handler http.HandlerFunc) *acme.Client {
	t.Helper()
	p, problems := acme.ParseProfile([]byte(document))
	require.Empty(t, problems)
	c := serve(t, handler)
	c.Profile = &p
	return c
}

// saying serves one fixed answer to a client that speaks by a profile.
func saying(t *testing.T, document, body string, headers ...string) *acme.Client {
	t.Helper()
	return speaking(t, document, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		_, _ = io.WriteString(w, body)
	})
}

const plainUsers = `{"users":{"path":"/staff","list":"items","paging":{"next":"next"}}}`

func record(n int) string {
	return fmt.Sprintf(`{"id":"u%d","version":1,"updated_at":"2026-03-09T14:30:%02dZ"}`, n, n%60)
}

func TestAnswersThatAreNotAsTheProfileSays(t *testing.T) {
	t.Parallel()
	linked := `{"users":{"path":"/staff","list":"items","paging":{"style":"link","next":"next"}}}`
	for name, c := range map[string]struct{ profile, body, code, advice string }{
		"a web page":                         {plainUsers, `<!doctype html><html></html>`, acme.CodeNotJSON, "web page"},
		"plain text":                         {plainUsers, `Not here`, acme.CodeNotJSON, "web page"},
		"nothing":                            {plainUsers, ``, acme.CodeNotJSON, "web page"},
		"a list that is not there":           {plainUsers, `{"data":[]}`, acme.CodeNoList, "check \"list\""},
		"a list that is an object":           {plainUsers, `{"items":{}}`, acme.CodeNoList, "check \"list\""},
		"a list that is null":                {plainUsers, `{"items":null}`, acme.CodeNoList, "check \"list\""},
		"a cursor that is an object":         {plainUsers, `{"items":[],"next":{}}`, acme.CodeNoNext, "check \"paging\""},
		"a cursor beyond measure":            {plainUsers, `{"items":[],"next":"` + strings.Repeat("x", 5000) + `"}`, acme.CodeNoNext, "check \"paging\""},
		"a link to another host":             {linked, `{"items":[],"next":"https://evil.example/staff"}`, acme.CodeForeignLink, "outside"},
		"a link to a private address":        {linked, `{"items":[],"next":"http://169.254.169.254/latest"}`, acme.CodeForeignLink, "outside"},
		"a link to another port":             {linked, `{"items":[],"next":"http://127.0.0.1:1/staff"}`, acme.CodeForeignLink, "outside"},
		"a link without a scheme":            {linked, `{"items":[],"next":"//10.0.0.1/staff"}`, acme.CodeForeignLink, "outside"},
		"a link with a name and a password":  {linked, `{"items":[],"next":"http://a:b@127.0.0.1/staff"}`, acme.CodeForeignLink, "outside"},
		"a link that is a script":            {linked, `{"items":[],"next":"javascript:alert(1)"}`, acme.CodeForeignLink, "outside"},
		"a link with a line break inside it": {linked, `{"items":[],"next":"/staff\r\nHost: evil"}`, acme.CodeForeignLink, "outside"},
	} {
		t.Run(name+" is refused with what to do", func(t *testing.T) {
			t.Parallel()
			page, err := saying(t, c.profile, c.body).List(t.Context(), acme.Users, acme.ListQuery{})
			e := failure(t, err)
			require.Equal(t, acme.KindProfile, e.Kind)
			require.Equal(t, c.code, e.Code)
			require.Contains(t, e.Advice(), c.advice)
			require.False(t, e.Sick)
			require.Zero(t, page)
		})
	}
	t.Run("a link header to another host is refused", func(t *testing.T) {
		t.Parallel()
		client := saying(t, `{"users":{"list":".","paging":{"style":"link_header"}}}`, `[]`, "Link", `<https://evil.example/v1/users?page=2>; rel="next"`)
		_, err := client.List(t.Context(), acme.Users, acme.ListQuery{})
		require.Equal(t, acme.CodeForeignLink, failure(t, err).Code)
	})
	t.Run("half an answer is no fault of the profile's", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{`{"items":[`, `{"items":[]`, `{"items":[],"items":[]}`, `{"items":[]}x`} {
			_, err := saying(t, plainUsers, body).List(t.Context(), acme.Users, acme.ListQuery{})
			require.Equal(t, acme.KindUnavailable, failure(t, err).Kind, body)
		}
	})
	t.Run("a redirect is refused with what to do", func(t *testing.T) {
		t.Parallel()
		client := speaking(t, plainUsers, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		})
		_, err := client.List(t.Context(), acme.Users, acme.ListQuery{})
		e := failure(t, err)
		require.Equal(t, acme.KindProfile, e.Kind)
		require.NotEmpty(t, e.Advice())
	})
	t.Run("a cursor of another profile starts the walk again", func(t *testing.T) {
		t.Parallel()
		for _, cursor := range []string{"b3BhcXVl", "!", "e30", "eyJsIjoiLy9ldmlsLmV4YW1wbGUifQ"} {
			_, err := saying(t, plainUsers, `{"items":[]}`).List(t.Context(), acme.Users, acme.ListQuery{Cursor: cursor})
			require.Equal(t, acme.KindCursorLost, failure(t, err).Kind, cursor)
		}
	})
	t.Run("an account that is not where it should be is refused", func(t *testing.T) {
		t.Parallel()
		_, err := saying(t, `{"account":{"path":"/me","at":"data"}}`, `{"id":"x"}`).Account(t.Context())
		require.Equal(t, acme.CodeNoAccount, failure(t, err).Code)
	})
	t.Run("a record that cannot be read leaves its neighbours alone", func(t *testing.T) {
		t.Parallel()
		client := saying(t, `{"users":{"list":"items","fields":{"updated_at":{"from":"at","time":"unix_s"}}}}`,
			`{"items":[{"id":1,"at":1},7,{"id":2,"id":3,"at":1},{"at":1},{"id":4,"at":"soon"},{"id":5,"at":2}]}`)
		page, err := client.List(t.Context(), acme.Users, acme.ListQuery{})
		require.NoError(t, err)
		var ids []string
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		require.Equal(t, []string{"1", "", "", "", "", "5"}, ids)
	})
}

// endless serves pages for ever, as paging makes them.
func endless(page func(r *http.Request, n int) string) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, page(r, n))
		n++
	}
}

func TestWalksThatNeverEndAreEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile, code string
		page          func(r *http.Request, n int) string
	}{
		"a cursor that names itself": {plainUsers, acme.CodePagingLoop, func(*http.Request, int) string { return `{"items":[],"next":"a"}` }},
		"cursors that go round": {plainUsers, acme.CodePagingLoop, func(_ *http.Request, n int) string {
			return fmt.Sprintf(`{"items":[%s],"next":"c%d"}`, record(n%7), n%7)
		}},
		"cursors that go round after a while": {plainUsers, acme.CodePagingLoop, func(_ *http.Request, n int) string {
			if n > 40 {
				n = 40 + (n-40)%13
			}
			return fmt.Sprintf(`{"items":[%s],"next":"c%d"}`, record(n), n)
		}},
		"new cursors to the same page": {plainUsers, acme.CodePagingLoop, func(_ *http.Request, n int) string {
			return fmt.Sprintf(`{"items":[%s,%s],"next":"c%d"}`, record(1), record(2), n)
		}},
		"a side that does not know the page parameter": {
			`{"users":{"list":"items","updated_since":null,"limit":{"param":"n","max":2},"paging":{"style":"page"}}}`, acme.CodePagingLoop,
			func(*http.Request, int) string { return fmt.Sprintf(`{"items":[%s,%s]}`, record(1), record(2)) },
		},
		"pages without records for ever": {plainUsers, acme.CodeEmptyPages, func(_ *http.Request, n int) string {
			return fmt.Sprintf(`{"items":[],"next":"c%d"}`, n)
		}},
		"links that go round": {
			`{"users":{"path":"/staff","list":"items","paging":{"style":"link","next":"next"}}}`, acme.CodePagingLoop,
			func(_ *http.Request, n int) string {
				return fmt.Sprintf(`{"items":[%s],"next":"/staff?p=%d"}`, record(n%3), n%3)
			},
		},
	} {
		t.Run(name+" are found", func(t *testing.T) {
			t.Parallel()
			client := speaking(t, c.profile, endless(c.page))
			q, walk := acme.ListQuery{}, acme.Walk{}
			for range 1000 {
				page, err := client.List(t.Context(), acme.Users, q)
				if err == nil {
					err = walk.Step(acme.Users, q.Cursor, page)
				}
				if err != nil {
					require.Equal(t, c.code, failure(t, err).Code)
					require.NotEmpty(t, failure(t, err).Advice())
					return
				}
				require.NotEmpty(t, page.NextCursor)
				q.Cursor = page.NextCursor
			}
			require.Fail(t, "the walk has no end")
		})
	}
	t.Run("a long walk that ends is left alone", func(t *testing.T) {
		t.Parallel()
		var walk acme.Walk
		cursor := ""
		for n := range 5000 {
			next := fmt.Sprint("c", n)
			require.NoError(t, walk.Step(acme.Users, cursor, acme.Page{Items: []acme.Item{{ID: fmt.Sprint(n), Version: 1}}, NextCursor: next}))
			cursor = next
		}
	})
}

// shelf is a server's list that pages in any style.
func shelf(records int, unordered bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var all []string
		since, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("since"))
		for n := range records {
			at := time.Date(2026, 3, 9, 14, 0, n/3, 0, time.UTC)
			if unordered {
				at = time.Date(2026, 3, 9, 14, 0, records-n, 0, time.UTC)
			}
			if !at.Before(since) {
				all = append(all, fmt.Sprintf(`{"id":"u%02d","version":1,"updated_at":%q}`, n, at.Format(time.RFC3339)))
			}
		}
		number := func(name string, otherwise int) int {
			_, _ = fmt.Sscan(r.URL.Query().Get(name), &otherwise)
			return otherwise
		}
		limit := number("limit", 5)
		from := number("offset", 0)
		if page := number("page", 0); page > 0 {
			from = (page - 1) * limit
		}
		from = min(from, len(all))
		to := min(from+limit, len(all))
		next := "null"
		if to < len(all) {
			next = fmt.Sprintf(`"%s?offset=%d&limit=%d&since=%s"`, r.URL.Path, to, limit, r.URL.Query().Get("since"))
			w.Header().Add("Link", fmt.Sprintf(`<http://%s%s>; rel="next"; title="more"`, r.Host, strings.Trim(next, `"`)))
		}
		w.Header().Set("Date", "Mon, 09 Mar 2026 15:00:00 GMT")
		_, _ = fmt.Fprintf(w, `{"items":[%s],"links":{"next":%s},"more":%t}`, strings.Join(all[from:to], ","), next, to < len(all))
	}
}

func TestEveryStyleOfPagingReadsAll(t *testing.T) {
	t.Parallel()
	const parts = `"path":"/crm/staff","list":"items","limit":{"param":"limit","max":7},"updated_since":{"param":"since"}`
	for name, paging := range map[string]string{
		"page":              `"paging":{"style":"page"}`,
		"page and a flag":   `"paging":{"style":"page","more":"more"}`,
		"offset":            `"paging":{"style":"offset"}`,
		"offset and a flag": `"paging":{"style":"offset","more":"more"}`,
		"link":              `"paging":{"style":"link","next":"links.next"}`,
		"link header":       `"paging":{"style":"link_header"}`,
	} {
		for _, order := range []string{"", `,"unordered":true`} {
			t.Run(name+order, func(t *testing.T) {
				t.Parallel()
				for _, limit := range []int{1, 2, 3, 4, 7, 50} {
					client := speaking(t, `{"users":{`+parts+`,`+paging+order+`}}`, shelf(40, order != ""))
					q, seen, walk := acme.ListQuery{Limit: limit}, map[string]bool{}, acme.Walk{}
					var last acme.Page
					for pages := 0; ; pages++ {
						require.Less(t, pages, 200)
						page, err := client.List(t.Context(), acme.Users, q)
						require.NoError(t, err)
						require.NoError(t, walk.Step(acme.Users, q.Cursor, page))
						require.LessOrEqual(t, len(page.Items), 7)
						for _, item := range page.Items {
							seen[item.ID] = true
						}
						if last = page; page.NextCursor == "" {
							break
						}
						q.Cursor = page.NextCursor
					}
					require.Len(t, seen, 40, "limit %d", limit)
					require.Equal(t, order != "", last.Unordered)
					if last.Unordered {
						require.Equal(t, time.Date(2026, 3, 9, 14, 0, 40, 0, time.UTC), last.Latest)
					}
				}
			})
		}
	}
	t.Run("a record edited while somebody pages by offset hides no other", func(t *testing.T) {
		t.Parallel()
		order := []int{}
		for n := range 30 {
			order = append(order, n)
		}
		at := map[int]time.Time{}
		for n := range order {
			at[n] = time.Date(2026, 3, 9, 14, 0, n, 0, time.UTC)
		}
		requests := 0
		client := speaking(t, `{"users":{"list":"items","limit":{"param":"limit","max":5},"updated_since":{"param":"since"},"paging":{"style":"offset","more":"more"}}}`,
			func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests < 4 { // the first of the list moves to its end
					moved := order[0]
					at[moved] = time.Date(2026, 3, 9, 15, requests, 0, 0, time.UTC)
					order = append(order[1:], moved)
				}
				since, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("since"))
				var all []string
				for _, n := range order {
					if !at[n].Before(since) {
						all = append(all, fmt.Sprintf(`{"id":"u%02d","version":1,"updated_at":%q}`, n, at[n].Format(time.RFC3339)))
					}
				}
				from := 0
				_, _ = fmt.Sscan(r.URL.Query().Get("offset"), &from)
				from = min(from, len(all))
				to := min(from+5, len(all))
				_, _ = fmt.Fprintf(w, `{"items":[%s],"more":%t}`, strings.Join(all[from:to], ","), to < len(all))
			})
		q, seen := acme.ListQuery{Limit: 5}, map[string]bool{}
		for {
			page, err := client.List(t.Context(), acme.Users, q)
			require.NoError(t, err)
			for _, item := range page.Items {
				seen[item.ID] = true
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		require.Len(t, seen, 30)
	})
}

func TestKeysGoWhereTheProfileSays(t *testing.T) {
	t.Parallel()
	for document, want := range map[string][2]string{
		`{}`: {"Authorization", "Bearer " + testKey},
		`{"auth":{"kind":"header","header":"X-Token","prefix":"Token "}}`: {"X-Token", "Token " + testKey},
		`{"auth":{"kind":"basic","user":"sync"}}`:                         {"Authorization", "Basic c3luYzprZXlfNWYyYzlkLXZlcnktc2VjcmV0"},
		`{"auth":{"kind":"basic"}}`:                                       {"Authorization", "Basic a2V5XzVmMmM5ZC12ZXJ5LXNlY3JldDo="},
	} {
		client := speaking(t, document, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(want[0]) != want[1] || r.URL.RawQuery != "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, `{"id":"a","name":"A","time_zone":"UTC","region":"US"}`)
		})
		_, err := client.Account(t.Context())
		require.NoError(t, err, document)
	}
	t.Run("a prefix lies before every path, and links stay on the host", func(t *testing.T) {
		t.Parallel()
		var paths []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.URL.RequestURI())
			_, _ = io.WriteString(w, `{"items":[],"next":"?p=2"}`)
		}))
		t.Cleanup(server.Close)
		p, problems := acme.ParseProfile([]byte(`{"prefix":"/api","users":{"path":"/staff","list":"items","limit":null,"paging":{"style":"link","next":"next"}}}`))
		require.Empty(t, problems)
		client := &acme.Client{BaseURL: server.URL + "/crm/", APIKey: testKey, Profile: &p}
		page, err := client.List(t.Context(), acme.Users, acme.ListQuery{})
		require.NoError(t, err)
		_, _ = client.List(t.Context(), acme.Users, acme.ListQuery{Cursor: page.NextCursor})
		require.Equal(t, []string{"/crm/api/staff", "/crm/api/staff?p=2"}, paths)
	})
}

func FuzzDialects(f *testing.F) {
	var profiles []*acme.Profile
	for _, name := range []string{"hub", "pipe"} {
		raw, err := os.ReadFile("../docs/profiles/" + name + ".json")
		require.NoError(f, err)
		p, problems := acme.ParseProfile(raw)
		require.Empty(f, problems)
		profiles = append(profiles, &p)
	}
	f.Add([]byte(`{"results":[{"id":"1","properties":{"hs_meeting_start_time":"2026-03-09T14:30:00Z","hs_timezone":"Europe/Zurich"},"updatedAt":"2026-03-09T14:30:00.000Z","archived":true}],"paging":{"next":{"after":"x"}}}`))
	f.Add([]byte(`{"data":[{"id":2,"due_date":"2026-03-09","due_time":"14:30","duration":"-01:30","update_time":"2026-03-09 14:30:00"}],"additional_data":{"pagination":{"more_items_in_collection":true}}}`))
	f.Add([]byte(`[{"objectId":7,"subscriptionType":"meeting.propertyChange","occurredAt":1773066600000}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range profiles {
			client := &acme.Client{BaseURL: "http://127.0.0.1", APIKey: testKey, Profile: p, HTTP: &http.Client{Transport: fixed(body)}}
			for _, r := range []acme.Resource{acme.Appointments, acme.Touchpoints, acme.Contacts, acme.Users} {
				page, err := client.List(t.Context(), r, acme.ListQuery{Limit: 5})
				if err != nil {
					require.Empty(t, page.Items)
					continue
				}
				again, err := acme.ReadItems(acme.JoinItems(page.Items))
				require.NoError(t, err)
				for i, item := range again {
					require.Equal(t, page.Items[i].ID, item.ID)
					require.True(t, json.Valid(item.Raw))
				}
			}
			_, _, _ = p.ParseEvents(body)
			_, _ = client.Account(t.Context())
			_, _ = client.Subscriptions(t.Context())
		}
	})
}

// fixed answers every request with the same body.
type fixed []byte

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(f)), ContentLength: int64(len(f)), Request: r}, nil
}
