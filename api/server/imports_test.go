package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// csvFile is a file of touch-points as Acme exports them.
func csvFile(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id,version,channel,direction,user_id,occurred_at,logged_at,updated_at\n")
	for i := range rows {
		fmt.Fprintf(&b, "tp_%06d,1,call,inbound,usr_1,2026-03-01T09:00:00Z,2026-03-01T09:10:00Z,2026-03-01T10:00:00Z\n", i)
	}
	fmt.Fprintf(&b, "#end,%d\n", rows)
	return b.Bytes()
}

func sum(file []byte) string {
	digest := sha256.Sum256(file)
	return hex.EncodeToString(digest[:])
}

// open begins an import and answers its address.
func (b *bundle) open(t testing.TB, tenant string, size int, more string) (string, answer) {
	t.Helper()
	got := b.call(t, http.MethodPost, "/v1/tenants/"+tenant+"/imports", fmt.Sprintf(`{"stream":"touchpoints","name":"tp.csv","size":%d%s}`, size, more))
	require.Equal(t, http.StatusCreated, got.status, got.text)
	return got.header.Get("Location"), got
}

// upload sends bytes of a file.
func (b *bundle) upload(t testing.TB, address string, offset int64, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, b.URL+address, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+testKey)
	request.Header.Set("Content-Type", "text/csv")
	request.Header.Set("Upload-Offset", fmt.Sprint(offset))
	return send(t, request)
}

// waiting is how many records of a tenant wait for delivery.
func (b *bundle) waiting(t testing.TB, tenant acmesync.TenantID) int64 {
	t.Helper()
	backlog, err := b.db.Backlog(t.Context(), tenant)
	require.NoError(t, err)
	return backlog.Records
}

func TestImports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := newSides(t)
	b.active(t, "harbor", s)
	b.active(t, "stranger", s)
	file := csvFile(5000)

	t.Run("a file that is sent in one body is complete, and its rows wait for delivery", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		got := b.upload(t, address, 0, file)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, "complete", got.json["state"], got.text)
		require.EqualValues(t, 5000, got.json["rows"])
		require.EqualValues(t, len(file), got.json["offset"])
		require.Equal(t, sum(file), got.json["sha256"])
		require.EqualValues(t, 5000, b.waiting(t, "harbor"))
		got = b.upload(t, address, int64(len(file)), []byte("more"))
		requireProblem(t, got, http.StatusConflict, "import_ended")
		got = b.call(t, http.MethodGet, "/v1/tenants/harbor/imports", "")
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Len(t, got.json["imports"], 1)
	})
	t.Run("the same content again is a duplicate before a byte is sent", func(t *testing.T) {
		_, got := b.open(t, "harbor", len(file), `,"sha256":"`+sum(file)+`"`)
		require.Equal(t, "duplicate", got.json["state"], got.text)
		require.EqualValues(t, 5000, b.waiting(t, "harbor"))
	})
	t.Run("the same content again, not announced, ends as a duplicate", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		got := b.upload(t, address, 0, file)
		require.Equal(t, "duplicate", got.json["state"], got.text)
	})
	t.Run("the same content is taken again where that is asked for", func(t *testing.T) {
		_, got := b.open(t, "harbor", len(file), `,"again":true,"sha256":"`+sum(file)+`"`)
		require.Equal(t, "receiving", got.json["state"], got.text)
	})
	t.Run("it goes on from the offset that was answered, whatever the pieces", func(t *testing.T) {
		other := csvFile(4321)
		address, _ := b.open(t, "harbor", len(other), `,"sha256":"`+sum(other)+`"`)
		offset := int64(0)
		for step := range 100 {
			end := min(len(other), int(offset)+100_000+step)
			got := b.upload(t, address, offset, other[offset:end])
			require.Equal(t, http.StatusOK, got.status, got.text)
			offset = int64(got.json["offset"].(float64))
			require.Equal(t, fmt.Sprint(offset), got.header.Get("Upload-Offset"))
			if got.json["state"] == "complete" {
				require.EqualValues(t, 4321, got.json["rows"])
				return
			}
		}
		require.FailNow(t, "it never ended")
	})
	t.Run("another offset is refused with the right one", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		half := len(file) / 2
		got := b.upload(t, address, 0, file[:half])
		require.Equal(t, http.StatusOK, got.status, got.text)
		right := got.header.Get("Upload-Offset")
		for _, wrong := range []int64{0, int64(half), 1 << 40} {
			got = b.upload(t, address, wrong, file[half:])
			requireProblem(t, got, http.StatusConflict, "wrong_offset")
			require.Equal(t, right, got.header.Get("Upload-Offset"))
		}
	})
	t.Run("of a body that is cut off, what was whole stands", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		broken, writer := io.Pipe()
		go func() {
			_, _ = writer.Write(file[:300_000])
			_ = writer.CloseWithError(io.ErrUnexpectedEOF)
		}()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, b.URL+address, broken)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+testKey)
		request.Header.Set("Content-Type", "text/csv")
		request.Header.Set("Upload-Offset", "0")
		_, err = (&http.Client{Timeout: 10 * time.Second}).Do(request) //nolint:bodyclose // there is none: the connection broke
		require.Error(t, err)
		require.Eventually(t, func() bool {
			return b.call(t, http.MethodGet, address, "").json["rows"].(float64) > 0
		}, 10*time.Second, 10*time.Millisecond)
		got := b.call(t, http.MethodGet, address, "")
		require.Equal(t, "receiving", got.json["state"])
		offset := int64(got.json["offset"].(float64))
		require.Positive(t, offset)
		require.LessOrEqual(t, offset, int64(300_000))
		got = b.upload(t, address, offset, file[offset:])
		require.EqualValues(t, 5000, got.json["rows"], got.text)
	})
	t.Run("one whose last row is missing is incomplete, and says so", func(t *testing.T) {
		short := bytes.TrimSuffix(csvFile(10), []byte("#end,10\n"))
		address, _ := b.open(t, "harbor", len(short), "")
		got := b.upload(t, address, 0, short)
		require.Equal(t, "incomplete", got.json["state"], got.text)
		require.Contains(t, got.json["message"], "the file is cut off behind line 11")
		require.EqualValues(t, 10, got.json["rows"])
	})
	t.Run("one that is no CSV fails with a sentence", func(t *testing.T) {
		address, _ := b.open(t, "harbor", 8, "")
		got := b.upload(t, address, 0, []byte("\xff\xfei\x00d\x00\n\x00"))
		require.Equal(t, "failed", got.json["state"], got.text)
		require.Contains(t, got.json["message"], "UTF-16")
	})
	t.Run("content that is not what was announced fails", func(t *testing.T) {
		other := csvFile(7)
		address, _ := b.open(t, "harbor", len(other), `,"sha256":"`+sum(file)+`","again":true`)
		got := b.upload(t, address, 0, other)
		require.Equal(t, "failed", got.json["state"], got.text)
		require.Contains(t, got.json["message"], "SHA-256")
	})
	t.Run("another tenant's import is not there", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		foreign := strings.Replace(address, "harbor", "stranger", 1)
		requireProblem(t, b.call(t, http.MethodGet, foreign, ""), http.StatusNotFound, "not_found")
		requireProblem(t, b.upload(t, foreign, 0, file), http.StatusNotFound, "not_found")
		require.Zero(t, b.waiting(t, "stranger"))
	})
	t.Run("a changed layout ends what was begun under another", func(t *testing.T) {
		address, _ := b.open(t, "stranger", len(file), "")
		got := b.call(t, http.MethodPut, "/v1/tenants/stranger/config", `{"profile":{"files":{"touchpoints":{"delimiter":";"}}}}`)
		require.Equal(t, http.StatusOK, got.status, got.text)
		requireProblem(t, b.upload(t, address, 0, file), http.StatusConflict, "layout_changed")
	})
	for name, c := range map[string]struct{ body, pointer string }{
		"no size":          {`{"stream":"touchpoints","name":"a.csv"}`, "/size"},
		"another stream":   {`{"stream":"deals","name":"a.csv","size":1}`, "/stream"},
		"a broken digest":  {`{"stream":"touchpoints","name":"a.csv","size":1,"sha256":"abc"}`, "/sha256"},
		"a name of spaces": {`{"stream":"touchpoints","name":"  ","size":1}`, "/name"},
	} {
		t.Run("an import with "+name+" is refused", func(t *testing.T) {
			got := b.call(t, http.MethodPost, "/v1/tenants/harbor/imports", c.body)
			require.GreaterOrEqual(t, got.status, 400)
			require.Contains(t, got.text, `"pointer":"`+c.pointer+`"`)
		})
	}
	t.Run("bytes need an offset and the type of a CSV file", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), "")
		requireProblem(t, b.call(t, http.MethodPatch, address, "a,b\n", "Content-Type", "text/csv"), http.StatusBadRequest, "invalid_request")
		requireProblem(t, b.call(t, http.MethodPatch, address, "{}", "Upload-Offset", "0"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	})
	t.Run("while too much waits for the app the offset stands", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), `,"again":true`)
		_, err := b.db.Super.Exec(`UPDATE envelopes SET records = 60000 WHERE tenant = 'harbor' AND lane = 'deliver' AND id = (
			SELECT id FROM envelopes WHERE tenant = 'harbor' AND lane = 'deliver' AND ended_at IS NULL LIMIT 1)`)
		require.NoError(t, err)
		got := b.upload(t, address, 0, file)
		requireProblem(t, got, http.StatusTooManyRequests, "backlog_full")
		require.Equal(t, "0", got.header.Get("Upload-Offset"))
		require.NotEmpty(t, got.header.Get("Retry-After"))
		_, err = b.db.Super.Exec(`UPDATE envelopes SET ended_at = now() WHERE tenant = 'harbor'`)
		require.NoError(t, err)
		got = b.upload(t, address, 0, file)
		require.EqualValues(t, len(file), got.json["offset"], got.text)
	})
	t.Run("a deactivated tenant takes nothing, nor what was begun before it was activated anew", func(t *testing.T) {
		address, _ := b.open(t, "harbor", len(file), `,"again":true`)
		require.Equal(t, http.StatusAccepted, b.call(t, http.MethodPost, "/v1/tenants/harbor/deactivate", `{}`).status)
		requireProblem(t, b.upload(t, address, 0, file), http.StatusConflict, "wrong_state")
		got := b.call(t, http.MethodPost, "/v1/tenants/harbor/imports", `{"stream":"touchpoints","name":"a.csv","size":1}`)
		requireProblem(t, got, http.StatusConflict, "wrong_state")
		require.Equal(t, http.StatusAccepted, b.call(t, http.MethodPost, "/v1/tenants/harbor/activate", `{}`).status)
		requireProblem(t, b.upload(t, address, 0, file), http.StatusConflict, "wrong_state")
		require.Zero(t, b.waiting(t, "harbor"))
	})
}
