package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// answering is a client of a server that gives one answer to everything.
func answering(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return &Client{BaseURL: server.URL + "/", Token: "app_secret", HTTP: server.Client()}
}

func says(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", contentType)
		for i := 0; i+1 < len(headers); i += 2 {
			res.Header().Set(headers[i], headers[i+1])
		}
		res.WriteHeader(status)
		_, _ = res.Write([]byte(body))
	}
}

func failureOf(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, e.Kind, KindOf(fmt.Errorf("deliver: %w", err)))
	return e
}

func TestFailureKinds(t *testing.T) {
	t.Parallel()
	const jsonBody = `{"code":"c","message":"m","details":[{"field":"f","code":"x"}],"request_id":"r"}`
	cases := []struct {
		status  int
		body    string
		headers []string
		kind    Kind
		wait    time.Duration
		sick    bool
	}{
		{status: 400, kind: KindRejected}, {status: 413, kind: KindRejected}, {status: 415, kind: KindRejected},
		{status: 422, kind: KindRejected}, {status: 405, kind: KindRejected},
		{status: 401, kind: KindUnauthorised}, {status: 403, kind: KindUnauthorised},
		{status: 403, body: `{"code":"quota_exceeded"}`, headers: []string{"Retry-After", "7"}, kind: KindRateLimited, wait: 7 * time.Second},
		{status: 404, kind: KindUnavailable}, {status: 410, kind: KindUnavailable},
		{status: 409, kind: KindConflict}, {status: 412, kind: KindConflict},
		{status: 408, kind: KindUnavailable}, {status: 425, kind: KindUnavailable},
		{status: 429, kind: KindRateLimited},
		{status: 429, headers: []string{"Retry-After", "120.1"}, kind: KindRateLimited, wait: 121 * time.Second},
		{status: 503, headers: []string{"Retry-After", "3"}, kind: KindRateLimited, wait: 3 * time.Second},
		{status: 503, kind: KindUnavailable, sick: true},
		{status: 503, headers: []string{"Retry-After", "soon"}, kind: KindUnavailable, sick: true},
		{status: 500, kind: KindUnavailable, sick: true}, {status: 502, kind: KindUnavailable, sick: true},
		{status: 504, kind: KindUnavailable, sick: true}, {status: 599, kind: KindUnavailable, sick: true},
		{status: 200, kind: KindUnavailable, sick: true}, {status: 204, kind: KindUnavailable, sick: true},
		{status: 302, headers: []string{"Location", "/elsewhere"}, kind: KindUnavailable},
		{status: 307, headers: []string{"Location", "http://127.0.0.1:1/"}, kind: KindUnavailable},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %v %s is %s", c.status, c.headers, c.body, c.kind), func(t *testing.T) {
			t.Parallel()
			body := c.body
			if body == "" {
				body = jsonBody
			}
			var asked atomic.Int32
			client := answering(t, func(res http.ResponseWriter, req *http.Request) {
				asked.Add(1)
				says(c.status, "application/json; charset=utf-8", body, c.headers...)(res, req)
			})
			_, err := client.UpsertEvents(t.Context(), sampleEvents(1))
			e := failureOf(t, err)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.status, e.Status)
			require.Equal(t, c.wait, e.RetryAfter)
			require.Equal(t, c.sick, e.Sick)
			require.Equal(t, "upsert events", e.Op)
			require.Equal(t, int32(1), asked.Load(), "the client asks once")
		})
	}
	t.Run("the app's own words are kept", func(t *testing.T) {
		t.Parallel()
		_, err := answering(t, says(422, "application/json", jsonBody)).Totals(t.Context())
		e := failureOf(t, err)
		require.Equal(t, []string{"c", "m", "f", "r"}, []string{e.Code, e.Message, e.Field, e.RequestID})
		require.EqualError(t, err, "read totals: rejected (422 c): f: m")
	})
	t.Run("one thing that is not there is gone", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{404, 410} {
			_, err := answering(t, says(status, "application/json", jsonBody)).Event(t.Context(), "e_1")
			require.Equal(t, KindGone, KindOf(err))
		}
	})
	t.Run("a web page instead of data is unavailable and not quoted", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{200, 207, 502} {
			_, err := answering(t, says(status, "text/html", "<html>Bad Gateway</html>")).SetCounts(t.Context(), nil)
			require.Equal(t, KindUnavailable, KindOf(err))
			require.NotContains(t, err.Error(), "html")
		}
	})
	t.Run("an error's text is bounded, printable and without the token", func(t *testing.T) {
		t.Parallel()
		body, err := json.Marshal(map[string]string{"message": "no \x1b[31m\napp_secret\u202e " + strings.Repeat("x", 5000)})
		require.NoError(t, err)
		_, err = answering(t, says(400, "application/json", string(body))).Totals(t.Context())
		require.Less(t, len(err.Error()), 300)
		require.NotContains(t, err.Error(), "app_secret")
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "\n")
	})
	t.Run("a foreign error has no kind", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, Kind(""), KindOf(errors.New("other")))
		require.Equal(t, Kind(""), KindOf(nil))
	})
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	t.Run("nobody listening is unreachable and nobody is sick", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		url := "http://" + l.Addr().String()
		require.NoError(t, l.Close())
		_, err = (&Client{BaseURL: url, Token: "t"}).Workspace(t.Context())
		e := failureOf(t, err)
		require.Equal(t, KindUnavailable, e.Kind)
		require.Equal(t, CodeUnreachable, e.Code)
		require.False(t, e.Sick)
		require.NotContains(t, err.Error(), url)
	})
	t.Run("a connection that breaks before the answer is unreachable", func(t *testing.T) {
		t.Parallel()
		_, err := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).UpsertEvents(t.Context(), sampleEvents(1))
		e := failureOf(t, err)
		require.Equal(t, CodeUnreachable, e.Code)
		require.False(t, e.Sick)
	})
	t.Run("an app that lets time run out is sick", func(t *testing.T) {
		t.Parallel()
		slow := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
		client := answering(t, slow)
		client.HTTP.Timeout = 50 * time.Millisecond
		_, err := client.Totals(t.Context())
		e := failureOf(t, err)
		require.Equal(t, KindUnavailable, e.Kind)
		require.Equal(t, CodeTimeout, e.Code)
		require.True(t, e.Sick)

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err = answering(t, slow).Totals(ctx)
		require.True(t, failureOf(t, err).Sick)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("a caller that gives up does not make the app sick", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := answering(t, func(_ http.ResponseWriter, req *http.Request) {
			cancel()
			<-req.Context().Done()
		}).Totals(ctx)
		e := failureOf(t, err)
		require.Equal(t, CodeCanceled, e.Code)
		require.False(t, e.Sick)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("an answer beyond the bound is not read on", func(t *testing.T) {
		t.Parallel()
		for _, chunked := range []bool{false, true} {
			client := answering(t, func(res http.ResponseWriter, _ *http.Request) {
				res.Header().Set("Content-Type", "application/json")
				if chunked {
					res.(http.Flusher).Flush()
				}
				_, _ = res.Write([]byte(`{"events":1,"touchpoints":2,"users":3,"x":"` + strings.Repeat("x", 2000) + `"}`))
			})
			client.MaxBytes = 1000
			_, err := client.Totals(t.Context())
			require.Equal(t, CodeTooLarge, failureOf(t, err).Code)
			client.MaxBytes = 3000
			_, err = client.Totals(t.Context())
			require.NoError(t, err)
		}
	})
	t.Run("a token that no header can carry is not sent", func(t *testing.T) {
		t.Parallel()
		client := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
		for _, token := range []string{"", "a b", "a\nb", "é"} {
			client.Token = token
			_, err := client.Totals(t.Context())
			require.Equal(t, KindUnauthorised, KindOf(err))
		}
	})
	t.Run("a base URL that is none is rejected", func(t *testing.T) {
		t.Parallel()
		_, err := (&Client{BaseURL: "http://[::1", Token: "t"}).Totals(t.Context())
		require.Equal(t, KindRejected, KindOf(err))
	})
}

func TestHalfAnswers(t *testing.T) {
	t.Parallel()
	const whole = `{"results":[{"external_id":"a\u00e9","status":"created","id":"e_1","revision":9007199254740991},` +
		`{"external_id":"b","status":"rejected","code":"too_long","field":"title","message":"m"}],"more":{"x":[1,null,"y"]}}`
	events := []Event{{ExternalID: "aé"}, {ExternalID: "b"}}
	body := whole
	upsert := func(t *testing.T, body string) ([]Result, error) {
		t.Helper()
		return answering(t, says(207, "application/json", body)).UpsertEvents(t.Context(), events)
	}
	t.Run("a whole answer is understood, fields to come included", func(t *testing.T) {
		t.Parallel()
		results, err := upsert(t, body)
		require.NoError(t, err)
		require.Equal(t, []Result{
			{ExternalID: "aé", Status: Created, ID: "e_1", Revision: MaxRevision},
			{ExternalID: "b", Status: Rejected, Code: "too_long", Field: "title", Message: "m"},
		}, results)
	})
	t.Run("every cut of it is refused", func(t *testing.T) {
		t.Parallel()
		plain := `{"results":[{"external_id":"a","status":"created","id":"e_1","revision":9}]}`
		for i := range plain {
			require.Error(t, decode([]byte(plain[:i]), &resultList{expected: 1}), "%s", plain[:i])
		}
		for i := range whole {
			require.Error(t, decode([]byte(whole[:i]), &resultList{expected: 2}), "%s", whole[:i])
		}
		_, err := upsert(t, whole[:len(whole)-1])
		require.Equal(t, CodeHalfAnswer, failureOf(t, err).Code)
		require.True(t, failureOf(t, err).Sick)
	})
	t.Run("a body shorter than announced is refused", func(t *testing.T) {
		t.Parallel()
		client := answering(t, func(res http.ResponseWriter, _ *http.Request) {
			res.Header().Set("Content-Type", "application/json")
			res.Header().Set("Content-Length", "5000")
			res.WriteHeader(http.StatusMultiStatus)
			_, _ = res.Write([]byte(whole))
			res.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		_, err := client.UpsertEvents(t.Context(), events)
		require.Equal(t, CodeHalfAnswer, failureOf(t, err).Code)
	})
	for name, answer := range map[string]string{
		"null":             `null`,
		"no results":       `{}`,
		"results are null": `{"results":null}`,
		"one too few":      `{"results":[{"external_id":"aé","status":"created"}]}`,
		"one too many":     strings.Replace(whole, `{"results":[`, `{"results":[{"external_id":"aé","status":"created"},`, 1),
		"another order":    `{"results":[{"external_id":"b","status":"created"},{"external_id":"aé","status":"created"}]}`,
		"a null result":    `{"results":[null,{"external_id":"b","status":"created"}]}`,
		"no status":        `{"results":[{"external_id":"aé"},{"external_id":"b","status":"created"}]}`,
		"a new status":     `{"results":[{"external_id":"aé","status":"fine"},{"external_id":"b","status":"created"}]}`,
		"something after":  whole + "{}",
	} {
		t.Run("an answer with "+name+" is half an answer", func(t *testing.T) {
			t.Parallel()
			_, err := upsert(t, answer)
			require.Equal(t, KindUnavailable, KindOf(err))
			require.Equal(t, CodeHalfAnswer, failureOf(t, err).Code)
		})
	}
	t.Run("counts are matched by number", func(t *testing.T) {
		t.Parallel()
		client := answering(t, says(207, "application/json", `{"results":[{"status":"updated","revision":3}]}`))
		results, err := client.SetCounts(t.Context(), make([]Count, 1))
		require.NoError(t, err)
		require.Equal(t, []Result{{Status: Updated, Revision: 3}}, results)
		_, err = client.SetCounts(t.Context(), make([]Count, 2))
		require.Equal(t, CodeHalfAnswer, failureOf(t, err).Code)
	})
	t.Run("a read without its figures or its list is half an answer", func(t *testing.T) {
		t.Parallel()
		for _, answer := range []string{`null`, `{}`, `{"events":null,"counts":null,"users":null}`} {
			client := answering(t, says(200, "application/json", answer))
			_, err := client.Totals(t.Context())
			require.Equal(t, KindUnavailable, KindOf(err))
			_, err = client.Events(t.Context(), EventQuery{})
			require.Equal(t, KindUnavailable, KindOf(err))
			_, err = client.Counts(t.Context(), CountQuery{})
			require.Equal(t, KindUnavailable, KindOf(err))
			_, err = client.Users(t.Context())
			require.Equal(t, KindUnavailable, KindOf(err))
			_, err = client.Workspace(t.Context())
			require.Equal(t, KindUnavailable, KindOf(err))
			_, err = client.Event(t.Context(), "e_1")
			require.Equal(t, KindUnavailable, KindOf(err))
		}
	})
	t.Run("users whose cursor never moves are half an answer", func(t *testing.T) {
		t.Parallel()
		_, err := answering(t, says(200, "application/json", `{"users":[],"next_cursor":"x"}`)).Users(t.Context())
		require.Equal(t, CodeHalfAnswer, failureOf(t, err).Code)
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for value, want := range map[string]struct {
		wait  time.Duration
		named bool
	}{
		"":                              {0, false},
		"5":                             {5 * time.Second, true},
		" 5 ":                           {5 * time.Second, true},
		"0":                             {0, true},
		"120.1":                         {121 * time.Second, true},
		"-30":                           {0, true},
		"99999999999999999999":          {time.Hour, true},
		strings.Repeat("9", 400):        {time.Hour, true},
		"-" + strings.Repeat("9", 400):  {0, true},
		"3601":                          {time.Hour, true},
		"soon":                          {0, false},
		"1-2":                           {0, false},
		".":                             {0, false},
		"1e3":                           {0, false},
		"0x10":                          {0, false},
		"inf":                           {0, false},
		"Wed, 04 Mar 2026 05:06:37 GMT": {30 * time.Second, true},
		"Wed, 04 Mar 2026 05:06:00 GMT": {0, true},
		"Fri, 04 Mar 2033 05:06:37 GMT": {time.Hour, true},
	} {
		t.Run(fmt.Sprintf("%.40q is %v", value, want.wait), func(t *testing.T) {
			t.Parallel()
			wait, named := retryAfter(http.Header{"Retry-After": {value}}, now)
			require.Equal(t, want.wait, wait)
			require.Equal(t, want.named, named)
		})
	}
	t.Run("a date is measured on the app's own clock", func(t *testing.T) {
		t.Parallel()
		wait, _ := retryAfter(http.Header{
			"Retry-After": {"Wed, 04 Mar 2026 07:00:10 GMT"}, "Date": {"Wed, 04 Mar 2026 07:00:00 GMT"},
		}, now)
		require.Equal(t, 10*time.Second, wait)
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"results":[{"external_id":"a","status":"created","id":"e_1","revision":1}]}` + "\n")
	f.Add(`{"results":[{"external_id":"\ud83d\ude00","status":"stale","revision":-}]}`)
	f.Add(`{"results":[{"code":"é","field":"","message":"m","code":"x"},{}]}`)
	f.Add(`{"results":[{"revision":01},{"revision":9223372036854775808}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := readResults(body, 1)
		if !ok || !utf8.ValidString(body) {
			return
		}
		var want resultList
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		require.Equal(t, want.Results, got)
	})
}
