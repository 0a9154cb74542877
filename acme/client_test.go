package acme_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

const testKey = "key_5f2c9d-very-secret"

// serve gives a client of a server that answers every request with handler.
func serve(t *testing.T, handler http.HandlerFunc) *acme.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &acme.Client{BaseURL: server.URL + "/", APIKey: testKey, HTTP: server.Client()}
}

// answer serves one fixed answer.
func answer(t *testing.T, status int, body string, headers ...string) *acme.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func failure(t *testing.T, err error) *acme.Error {
	t.Helper()
	require.Error(t, err)
	var e *acme.Error
	require.ErrorAs(t, err, &e)
	return e
}

const onePage = `{"data":[` +
	`{"id":"apt_1","version":3,"updated_at":"2026-03-09T14:30:00.000123Z","contact_ids":["con_1","con_2"],"owner_id":"usr_1","subject":"a \"b\" \\ c"},` +
	`{"id":"apt_2","version":1,"updated_at":"2026-03-09T15:30:00+01:00","deleted_at":"2026-03-09T14:30:01Z"},` +
	`{"id":"tp_3","version":2,"updated_at":"2026-03-09T14:30:02Z","deleted_at":null,"contact_id":"con_9","user_id":"usr_2"}` +
	`],"next_cursor":"c2"}`

func TestList(t *testing.T) {
	t.Parallel()

	t.Run("gives keys and raw bytes of every record", func(t *testing.T) {
		t.Parallel()
		client := answer(t, 200, onePage, "Date", "Mon, 09 Mar 2026 14:31:00 GMT")
		page, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.NoError(t, err)
		require.Equal(t, "c2", page.NextCursor)
		require.Equal(t, len(onePage), page.Bytes)
		require.Equal(t, time.Date(2026, 3, 9, 14, 31, 0, 0, time.UTC), page.Date)
		require.Len(t, page.Items, 3)
		require.Equal(t, "apt_1", page.Items[0].ID)
		require.Equal(t, int64(3), page.Items[0].Version)
		require.Equal(t, time.Date(2026, 3, 9, 14, 30, 0, 123000, time.UTC), page.Items[0].UpdatedAt)
		require.Equal(t, []string{"con_1", "con_2"}, page.Items[0].ContactIDs)
		require.Equal(t, "usr_1", page.Items[0].OwnerID)
		require.Equal(t, "usr_2", page.Items[2].OwnerID)
		require.False(t, page.Items[0].Deleted)
		require.True(t, page.Items[1].Deleted)
		require.Equal(t, time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC), page.Items[1].UpdatedAt)
		require.Equal(t, []string{"con_9"}, page.Items[2].ContactIDs)
		require.False(t, page.Items[2].Deleted)
		for _, item := range page.Items {
			require.Contains(t, onePage, string(item.Raw))
			require.True(t, json.Valid(item.Raw))
		}
	})
	t.Run("appending to one record's bytes leaves its neighbour alone", func(t *testing.T) {
		t.Parallel()
		page, err := answer(t, 200, onePage).List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.NoError(t, err)
		before := string(page.Items[1].Raw)
		_ = append(page.Items[0].Raw, []byte(strings.Repeat("x", 100))...)
		require.Equal(t, before, string(page.Items[1].Raw))
	})
	t.Run("asks with every parameter", func(t *testing.T) {
		t.Parallel()
		var got *http.Request
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			_, _ = io.WriteString(w, `{"data":[],"next_cursor":null}`)
		})
		page, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{
			UpdatedSince: time.Date(2026, 3, 9, 15, 0, 0, 5000, time.FixedZone("", 3600)), Limit: 200, IncludeDeleted: true,
		})
		require.NoError(t, err)
		require.Empty(t, page.Items)
		require.Empty(t, page.NextCursor)
		require.Equal(t, "/v1/touchpoints", got.URL.Path)
		require.Equal(t, "2026-03-09T14:00:00.000005Z", got.URL.Query().Get("updated_since"))
		require.Equal(t, "200", got.URL.Query().Get("limit"))
		require.Equal(t, "true", got.URL.Query().Get("include_deleted"))
		require.Equal(t, "Bearer "+testKey, got.Header.Get("Authorization"))
	})
	t.Run("a cursor goes alone with its limit", func(t *testing.T) {
		t.Parallel()
		var query string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.RawQuery
			_, _ = io.WriteString(w, `{"data":[],"next_cursor":null}`)
		})
		_, err := client.List(t.Context(), acme.Contacts, acme.ListQuery{Cursor: "a+b/c=", UpdatedSince: time.Now(), IncludeDeleted: true, Limit: 50})
		require.NoError(t, err)
		require.Equal(t, "cursor=a%2Bb%2Fc%3D&limit=50", query)
	})
	t.Run("compressed answers are read", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, onePage)
			_ = z.Close()
		})
		page, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.NoError(t, err)
		require.Len(t, page.Items, 3)
	})
}

func TestStoredItems(t *testing.T) {
	t.Parallel()
	t.Run("are read as they were listed", func(t *testing.T) {
		t.Parallel()
		page, err := answer(t, 200, strings.Replace(onePage, `"data":[`, `"data":[5,{"id":7},`, 1)).List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.NoError(t, err)
		again, err := acme.ReadItems(acme.JoinItems(page.Items))
		require.NoError(t, err)
		require.Equal(t, page.Items, again)
		none, err := acme.ReadItems(acme.JoinItems(nil))
		require.NoError(t, err)
		require.Empty(t, none)
	})
	t.Run("that are no array are refused", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{``, `{}`, `null`, `[1`, `[1]x`, "[\"\xff\"]"} {
			_, err := acme.ReadItems([]byte(text))
			require.Error(t, err, text)
		}
	})
}

// A record that can't serve must cost its neighbours nothing.
func TestListKeepsNeighboursOfBadRecords(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"number":                   `42`,
		"null":                     `null`,
		"array":                    `[{"id":"x"}]`,
		"empty object":             `{}`,
		"no id":                    `{"version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id is a number":           `{"id":7,"version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id is empty":              `{"id":"","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id is too long":           `{"id":"` + strings.Repeat("i", 129) + `","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id with a line break":     `{"id":"a\nb","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id is half a surrogate":   `{"id":"\ud800","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id twice":                 `{"id":"a","id":"b","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id twice, once escaped":   `{"id":"a","\u0069d":"b","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"id in upper case":         `{"ID":"a","version":1,"updated_at":"2026-03-09T14:30:00Z"}`,
		"version is text":          `{"id":"a","version":"1","updated_at":"2026-03-09T14:30:00Z"}`,
		"version is broken":        `{"id":"a","version":1.5,"updated_at":"2026-03-09T14:30:00Z"}`,
		"version out of range":     `{"id":"a","version":99999999999999999999,"updated_at":"2026-03-09T14:30:00Z"}`,
		"version is zero":          `{"id":"a","version":0,"updated_at":"2026-03-09T14:30:00Z"}`,
		"updated_at is missing":    `{"id":"a","version":1}`,
		"updated_at is no time":    `{"id":"a","version":1,"updated_at":"yesterday"}`,
		"updated_at is a number":   `{"id":"a","version":1,"updated_at":1773066600}`,
		"deleted_at is a flag":     `{"id":"a","version":1,"updated_at":"2026-03-09T14:30:00Z","deleted_at":true}`,
		"deleted_at is no time":    `{"id":"a","version":1,"updated_at":"2026-03-09T14:30:00Z","deleted_at":"gone"}`,
		"a thousand nested arrays": strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"data":[{"id":"before","version":1,"updated_at":"2026-03-09T14:30:00Z"},` + record +
				`,{"id":"after","version":1,"updated_at":"2026-03-09T14:30:00Z"}],"next_cursor":null}`
			page, err := answer(t, 200, body).List(t.Context(), acme.Appointments, acme.ListQuery{})
			require.NoError(t, err)
			require.Len(t, page.Items, 3)
			require.Equal(t, "before", page.Items[0].ID)
			require.Equal(t, acme.Item{Raw: json.RawMessage(record)}, page.Items[1])
			require.Equal(t, "after", page.Items[2].ID)
		})
	}
	t.Run("unreadable contacts and owners leave the keys usable", func(t *testing.T) {
		t.Parallel()
		for _, rest := range []string{`"contact_ids":["c",5]`, `"contact_ids":[],"contact_ids":[]`, `"contact_id":{}`, `"owner_id":5`, `"owner_id":null,"user_id":null`, `"owner_id":5,"owner_id":6`} {
			body := `{"data":[{"id":"a","version":1,"updated_at":"2026-03-09T14:30:00Z",` + rest + `}],"next_cursor":null}`
			page, err := answer(t, 200, body).List(t.Context(), acme.Appointments, acme.ListQuery{})
			require.NoError(t, err)
			require.Equal(t, "a", page.Items[0].ID, rest)
			require.Empty(t, page.Items[0].ContactIDs)
			require.Empty(t, page.Items[0].OwnerID)
		}
	})
}

func TestHalfAnAnswerIsNeverAPage(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                   ``,
		"white space":             " \n",
		"maintenance page":        `<!doctype html><html><body>We are down</body></html>`,
		"error with success":      `{"error":{"code":"internal"}}`,
		"error beside data":       `{"error":"partial","data":[],"next_cursor":null}`,
		"no data":                 `{"next_cursor":null}`,
		"data is null":            `{"data":null,"next_cursor":null}`,
		"data is an object":       `{"data":{},"next_cursor":null}`,
		"data twice":              `{"data":[],"data":[],"next_cursor":null}`,
		"no next_cursor":          `{"data":[]}`,
		"next_cursor is a number": `{"data":[],"next_cursor":5}`,
		"next_cursor is false":    `{"data":[],"next_cursor":false}`,
		"array":                   `[]`,
		"null":                    `null`,
		"string":                  `"data"`,
		"trailing garbage":        `{"data":[],"next_cursor":null}x`,
		"second value":            `{"data":[],"next_cursor":null}{}`,
		"trailing comma":          `{"data":[],"next_cursor":null,}`,
		"comma in data":           `{"data":[1,],"next_cursor":null}`,
		"stray byte":              "{\"data\":[{\"id\":\"a\xff\"}],\"next_cursor\":null}",
		"NaN":                     `{"data":[NaN],"next_cursor":null}`,
		"leading zero":            `{"data":[01],"next_cursor":null}`,
		"single quotes":           `{'data':[],'next_cursor':null}`,
		"comment":                 `{"data":[]/*x*/,"next_cursor":null}`,
		"raw control character":   "{\"data\":[\"a\nb\"],\"next_cursor\":null}",
		"unknown escape":          `{"data":["\x41"],"next_cursor":null}`,
		"cut unicode escape":      `{"data":["\u00"],"next_cursor":null}`,
		"UTF-16":                  "\xff\xfe{\x00}\x00",
		"endless nesting":         `{"data":[` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `],"next_cursor":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := answer(t, 200, body).List(t.Context(), acme.Appointments, acme.ListQuery{})
			e := failure(t, err)
			require.Equal(t, acme.KindUnavailable, e.Kind)
			require.Equal(t, acme.CodeHalfAnswer, e.Code)
			require.True(t, e.Sick)
			require.Zero(t, page)
		})
	}
	t.Run("cut off at any byte", func(t *testing.T) {
		t.Parallel()
		var cut int
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, onePage[:cut]) })
		for cut = range len(onePage) {
			_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
			require.Equal(t, acme.KindUnavailable, acme.KindOf(err), "cut at %d", cut)
		}
	})
	t.Run("shorter than its Content-Length", func(t *testing.T) {
		t.Parallel()
		client := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+onePage)
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		e := failure(t, err)
		require.Equal(t, acme.KindUnavailable, e.Kind)
		require.Equal(t, acme.CodeHalfAnswer, e.Code)
		require.True(t, e.Sick)
	})
	t.Run("longer than its Content-Length", func(t *testing.T) {
		t.Parallel()
		client := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+onePage)
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
	})
	t.Run("chunks that stop", func(t *testing.T) {
		t.Parallel()
		client := raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n"+onePage[:0x20]+"\r\n")
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
	})
	t.Run("compression cut off", func(t *testing.T) {
		t.Parallel()
		var z strings.Builder
		zip := gzip.NewWriter(&z)
		_, _ = io.WriteString(zip, onePage)
		require.NoError(t, zip.Close())
		client := answer(t, 200, z.String()[:z.Len()-9], "Content-Encoding", "gzip")
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
	})
	t.Run("another success than 200", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{202, 203, 206} {
			_, err := answer(t, status, onePage).List(t.Context(), acme.Appointments, acme.ListQuery{})
			require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
		}
	})
	t.Run("a page that names itself as the next", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 200, onePage).List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: "c2"})
		require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
	})
	t.Run("a byte order mark alone does no harm", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 200, "\ufeff"+onePage).List(t.Context(), acme.Appointments, acme.ListQuery{})
		require.NoError(t, err)
	})
	t.Run("an answer beyond the bound", func(t *testing.T) {
		t.Parallel()
		for name, length := range map[string]bool{"announced": true, "unannounced": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					if length {
						w.Header().Set("Content-Length", fmt.Sprint(len(onePage)))
					}
					_, _ = io.WriteString(w, onePage[:10])
					_ = http.NewResponseController(w).Flush()
					_, _ = io.WriteString(w, onePage[10:])
				})
				client.MaxBytes = int64(len(onePage)) - 1
				_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
				e := failure(t, err)
				require.Equal(t, acme.KindUnavailable, e.Kind)
				require.Equal(t, acme.CodeTooLarge, e.Code)
				client.MaxBytes++
				_, err = client.List(t.Context(), acme.Appointments, acme.ListQuery{})
				require.NoError(t, err)
			})
		}
	})
}

// raw serves bytes that no HTTP library would write, then closes.
func raw(t *testing.T, text string) *acme.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	return &acme.Client{BaseURL: "http://" + listener.Addr().String(), APIKey: testKey}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	t.Run("a closed port is unavailable and not sick", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(nil)
		server.Close()
		client := &acme.Client{BaseURL: server.URL, APIKey: testKey}
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: "con_grace"})
		e := failure(t, err)
		require.Equal(t, acme.KindUnavailable, e.Kind)
		require.Equal(t, acme.CodeUnreachable, e.Code)
		require.False(t, e.Sick)
		require.NotContains(t, e.Error(), "con_grace")
	})
	t.Run("a deadline after the request was taken is unavailable and sick", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := client.Account(ctx)
		e := failure(t, err)
		require.Equal(t, acme.KindUnavailable, e.Kind)
		require.Equal(t, acme.CodeTimeout, e.Code)
		require.True(t, e.Sick)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("a body that stalls is a timeout", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, onePage[:20])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		client.HTTP.Timeout = 100 * time.Millisecond
		_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
		e := failure(t, err)
		require.Equal(t, acme.CodeTimeout, e.Code)
		require.True(t, e.Sick)
	})
	t.Run("a caller that gives up makes nobody sick", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		client := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		_, err := client.Account(ctx)
		e := failure(t, err)
		require.Equal(t, acme.KindUnavailable, e.Kind)
		require.Equal(t, acme.CodeCanceled, e.Code)
		require.False(t, e.Sick)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("a connection dropped after the request was taken is sick", func(t *testing.T) {
		t.Parallel()
		_, err := raw(t, "").Account(t.Context())
		e := failure(t, err)
		require.Equal(t, acme.CodeUnreachable, e.Code)
		require.True(t, e.Sick)
	})
	t.Run("rubbish instead of HTTP is not echoed", func(t *testing.T) {
		t.Parallel()
		_, err := raw(t, "\x1b[31m"+strings.Repeat("grace@harbor-dental.example ", 100)+"\r\n\r\n").Account(t.Context())
		require.Equal(t, acme.KindUnavailable, acme.KindOf(err))
		require.Less(t, len(err.Error()), 300)
		require.NotContains(t, err.Error(), "\x1b")
	})
	t.Run("a key that fits no header is unauthorised without a request", func(t *testing.T) {
		t.Parallel()
		for _, key := range []string{"", "a\nb", "a b", "ключ"} {
			client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
			client.APIKey = key
			_, err := client.Account(t.Context())
			require.Equal(t, acme.KindUnauthorised, acme.KindOf(err))
		}
	})
	t.Run("a base URL that is none is rejected", func(t *testing.T) {
		t.Parallel()
		_, err := (&acme.Client{BaseURL: "http://[::1", APIKey: testKey}).Account(t.Context())
		require.Equal(t, acme.KindRejected, acme.KindOf(err))
	})
}
