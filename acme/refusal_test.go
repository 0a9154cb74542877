package acme_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func problem(code string) string {
	return fmt.Sprintf(`{"code":%q,"message":"Because of a reason","details":[{"field":"ids[3]","code":"too_long"},{"field":"other","code":"x"}],"request_id":"req_77"}`, code)
}

func TestStatusDecidesTheKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		code    string
		headers []string
		want    acme.Kind
		sick    bool
	}{
		"300":                              {status: 300, code: "x", want: acme.KindUnavailable},
		"302":                              {status: 302, code: "x", want: acme.KindUnavailable, headers: []string{"Location", "http://127.0.0.1:1/login"}},
		"400":                              {status: 400, code: "invalid_parameter", want: acme.KindRejected},
		"400 about the cursor":             {status: 400, code: "cursor_invalid", want: acme.KindCursorLost},
		"401":                              {status: 401, code: "unauthorised", want: acme.KindUnauthorised},
		"402":                              {status: 402, code: "x", want: acme.KindUnauthorised},
		"403 for a scope":                  {status: 403, code: "scope_missing", want: acme.KindUnauthorised},
		"403 for a quota":                  {status: 403, code: "quota_exceeded", want: acme.KindRateLimited},
		"403 with a time to wait":          {status: 403, code: "x", want: acme.KindRateLimited, headers: []string{"Retry-After", "7"}},
		"404 of a collection":              {status: 404, code: "not_found", want: acme.KindUnavailable},
		"405":                              {status: 405, code: "x", want: acme.KindRejected},
		"408":                              {status: 408, code: "x", want: acme.KindUnavailable, sick: true},
		"409":                              {status: 409, code: "duplicate", want: acme.KindConflict},
		"410":                              {status: 410, code: "cursor_expired", want: acme.KindCursorLost},
		"412":                              {status: 412, code: "version_mismatch", want: acme.KindConflict},
		"413":                              {status: 413, code: "x", want: acme.KindRejected},
		"422":                              {status: 422, code: "invalid", want: acme.KindRejected},
		"425":                              {status: 425, code: "x", want: acme.KindUnavailable},
		"429":                              {status: 429, code: "rate_limited", want: acme.KindRateLimited},
		"500":                              {status: 500, code: "internal", want: acme.KindUnavailable, sick: true},
		"502":                              {status: 502, code: "x", want: acme.KindUnavailable, sick: true},
		"503":                              {status: 503, code: "unavailable", want: acme.KindUnavailable, sick: true},
		"503 with a time to wait":          {status: 503, code: "unavailable", want: acme.KindRateLimited, headers: []string{"Retry-After", "2"}},
		"504":                              {status: 504, code: "x", want: acme.KindUnavailable, sick: true},
		"599":                              {status: 599, code: "x", want: acme.KindUnavailable, sick: true},
		"a status nobody knows, below 500": {status: 477, code: "x", want: acme.KindRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answer(t, c.status, problem(c.code), c.headers...).List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: "c"})
			e := failure(t, err)
			require.Equal(t, c.want, e.Kind)
			require.Equal(t, c.sick, e.Sick)
			require.Equal(t, c.status, e.Status)
			require.Equal(t, "req_77", e.RequestID)
			require.Equal(t, "ids[3]", e.Field)
			require.Contains(t, e.Error(), "list appointments")
		})
	}
	t.Run("a page of HTML changes no kind", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 502, "<html>Bad gateway</html>", "X-Request-Id", "edge-1").Account(t.Context())
		e := failure(t, err)
		require.Equal(t, acme.KindUnavailable, e.Kind)
		require.Equal(t, "edge-1", e.RequestID)
		require.Empty(t, e.Message)
	})
	t.Run("redirects are not followed and the key goes nowhere else", func(t *testing.T) {
		t.Parallel()
		elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.BaseURL, http.StatusTemporaryRedirect)
		})
		_, err := client.Account(t.Context())
		require.Equal(t, acme.CodeRedirect, failure(t, err).Code)
	})
	t.Run("a refusal is asked for once", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{429, 500, 503, 408} {
			asked := 0
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(status)
			})
			_, err := client.Account(t.Context())
			require.Error(t, err)
			require.Equal(t, 1, asked)
		}
	})
	t.Run("text of a failure tells no secrets and stays short", func(t *testing.T) {
		t.Parallel()
		for _, message := range []string{
			"unknown key " + testKey,
			"bad secret whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			strings.Repeat("very long ", 1000),
			`line\nbreak \u001b[31m and \u202e`,
		} {
			_, err := answer(t, 401, `{"code":"unauthorised","message":"`+message+`"}`).Account(t.Context())
			e := failure(t, err)
			require.LessOrEqual(t, len([]rune(e.Message)), 64)
			for _, secret := range []string{testKey, "whsec_", "\n", "\x1b", "\u202e"} {
				require.NotContains(t, e.Error(), secret)
			}
		}
	})
	t.Run("a code that is no word is dropped", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 400, `{"code":"Robert'); DROP TABLE","message":"m"}`).Account(t.Context())
		require.Empty(t, failure(t, err).Code)
	})
	t.Run("a duplicate names the record that is there", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 409, `{"code":"duplicate","message":"m","existing_id":"apt_5","request_id":"r"}`).Account(t.Context())
		require.Equal(t, "apt_5", failure(t, err).ExistingID)
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Mon, 09 Mar 2026 14:31:00 GMT"
	for name, c := range map[string]struct {
		value string
		want  time.Duration
	}{
		"seconds":                {"2", 2 * time.Second},
		"zero":                   {"0", 0},
		"broken seconds":         {"120.1", 121 * time.Second},
		"negative":               {"-1", 0},
		"a word":                 {"abc", 0},
		"an exponent":            {"1e3", 0},
		"infinity":               {"Inf", 0},
		"two points":             {"1.2.3", 0},
		"a point":                {".", 0},
		"huge":                   {"99999999", time.Hour},
		"beyond any number":      {strings.Repeat("9", 400), time.Hour},
		"a date ahead":           {"Mon, 09 Mar 2026 14:31:30 GMT", 30 * time.Second},
		"a date past":            {"Mon, 09 Mar 2026 14:30:30 GMT", 0},
		"a date far ahead":       {"Tue, 09 Mar 2027 14:30:30 GMT", time.Hour},
		"a date in the old form": {"Monday, 09-Mar-26 14:31:05 GMT", 5 * time.Second},
		"with spaces":            {" 3 ", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answer(t, 429, problem("rate_limited"), "Retry-After", c.value, "Date", date).Account(t.Context())
			e := failure(t, err)
			require.Equal(t, acme.KindRateLimited, e.Kind)
			require.Equal(t, c.want, e.RetryAfter)
		})
	}
	t.Run("absent, the window's end serves", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 429, problem("rate_limited"), "X-RateLimit-Reset", "4").Account(t.Context())
		require.Equal(t, 4*time.Second, failure(t, err).RetryAfter)
	})
	t.Run("absent altogether, there is none", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 429, problem("rate_limited")).Account(t.Context())
		require.Zero(t, failure(t, err).RetryAfter)
	})
}

func TestBatchGet(t *testing.T) {
	t.Parallel()
	record := func(id string) string {
		return `{"id":"` + id + `","version":1,"updated_at":"2026-03-09T14:30:00Z"}`
	}
	t.Run("gives found and missing", func(t *testing.T) {
		t.Parallel()
		var path, body string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			path, body = r.Method+" "+r.URL.Path, string(text)
			_, _ = io.WriteString(w, `{"data":[`+record("a")+`],"missing":["b"]}`)
		})
		got, err := client.BatchGet(t.Context(), acme.Contacts, []string{"a", "b"})
		require.NoError(t, err)
		require.Equal(t, "POST /v1/contacts:batchGet", path)
		require.JSONEq(t, `{"ids":["a","b"]}`, body)
		require.Len(t, got.Items, 1)
		require.Equal(t, []string{"b"}, got.Missing)
		require.False(t, got.Date.IsZero())
		require.NotZero(t, got.Bytes)
	})
	for name, body := range map[string]string{
		"without missing":                   `{"data":[` + record("a") + `,` + record("b") + `]}`,
		"with missing null":                 `{"data":[` + record("a") + `,` + record("b") + `],"missing":null}`,
		"without data":                      `{"missing":["a","b"]}`,
		"silent about an id":                `{"data":[` + record("a") + `],"missing":[]}`,
		"missing what nobody asked for":     `{"data":[` + record("a") + `,` + record("b") + `],"missing":["c"]}`,
		"silent about more than it garbled": `{"data":[{}],"missing":[]}`,
	} {
		t.Run(name+" is half an answer", func(t *testing.T) {
			t.Parallel()
			_, err := answer(t, 200, body).BatchGet(t.Context(), acme.Contacts, []string{"a", "b"})
			require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
		})
	}
	t.Run("a garbled record leaves one id unaccounted for", func(t *testing.T) {
		t.Parallel()
		got, err := answer(t, 200, `{"data":[{"id":5},`+record("a")+`],"missing":[]}`).BatchGet(t.Context(), acme.Contacts, []string{"a", "b"})
		require.NoError(t, err)
		require.Empty(t, got.Items[0].ID)
		require.JSONEq(t, `{"id":5}`, string(got.Items[0].Raw))
	})
	t.Run("no ids make no request", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
		got, err := client.BatchGet(t.Context(), acme.Contacts, nil)
		require.NoError(t, err)
		require.Empty(t, got.Items)
	})
	t.Run("more than 200 ids make no request", func(t *testing.T) {
		t.Parallel()
		client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
		_, err := client.BatchGet(t.Context(), acme.Contacts, make([]string, acme.MaxBatch+1))
		require.Equal(t, acme.KindRejected, acme.KindOf(err))
	})
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	const sub = `{"id":"sub_1","url":"https://x.example/hooks","events":["*"],"status":"active","created_at":"2026-03-09T14:30:00Z"`
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	t.Run("subscribing gives the secret", func(t *testing.T) {
		t.Parallel()
		got, err := answer(t, 201, sub+`,"secret":"`+secret+`"}`).Subscribe(t.Context(), "https://x.example/hooks", []string{"*"})
		require.NoError(t, err)
		require.Equal(t, secret, got.Secret)
		require.Equal(t, "sub_1", got.ID)
		require.Equal(t, []string{"*"}, got.Events)
	})
	t.Run("a subscription without a usable secret is half an answer", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{sub + `}`, sub + `,"secret":""}`, sub + `,"secret":"whsec_"}`, sub + `,"secret":"hunter2"}`} {
			_, err := answer(t, 201, body).Subscribe(t.Context(), "https://x.example/hooks", []string{"*"})
			require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
		}
	})
	t.Run("one that is gone is gone", func(t *testing.T) {
		t.Parallel()
		_, err := answer(t, 404, problem("not_found")).Subscription(t.Context(), "sub_1")
		require.Equal(t, acme.KindGone, acme.KindOf(err))
	})
	t.Run("ending one that is gone is done", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, answer(t, 404, problem("not_found")).Unsubscribe(t.Context(), "sub_1"))
		require.NoError(t, answer(t, 204, "").Unsubscribe(t.Context(), "sub_1"))
		require.Error(t, answer(t, 500, "").Unsubscribe(t.Context(), "sub_1"))
	})
	t.Run("an id stays one segment of the path", func(t *testing.T) {
		t.Parallel()
		var path string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			path = r.URL.EscapedPath()
			w.WriteHeader(http.StatusNoContent)
		})
		require.NoError(t, client.Unsubscribe(t.Context(), "../account?x"))
		require.Equal(t, "/v1/webhook-subscriptions/..%2Faccount%3Fx", path)
	})
	t.Run("all are listed, one disabled", func(t *testing.T) {
		t.Parallel()
		got, err := answer(t, 200, `{"data":[`+sub+`},`+strings.Replace(sub, `"active"`, `"disabled","disabled_reason":"10 failures"`, 1)+`}]}`).Subscriptions(t.Context())
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, "disabled", got[1].Status)
		require.Equal(t, "10 failures", got[1].DisabledReason)
	})
	t.Run("outcomes and account are read whole or not at all", func(t *testing.T) {
		t.Parallel()
		outcomes, err := answer(t, 200, `{"data":[{"id":"o1","label":"Reached"}]}`).Outcomes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []acme.Outcome{{ID: "o1", Label: "Reached"}}, outcomes)
		account, err := answer(t, 200, `{"id":"harbor-dental","name":"Harbor","time_zone":"America/New_York","region":"US"}`).Account(t.Context())
		require.NoError(t, err)
		require.Equal(t, acme.Account{ID: "harbor-dental", Name: "Harbor", TimeZone: "America/New_York", Region: "US"}, account)
		for _, body := range []string{``, `{}`, `{"error":"x"}`, `[]`, `{"data":[{}]}`, `{"data":[{"id":"o1"`} {
			_, err := answer(t, 200, body).Outcomes(t.Context())
			require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
			_, err = answer(t, 200, body).Account(t.Context())
			require.Equal(t, acme.CodeHalfAnswer, failure(t, err).Code)
		}
	})
}
