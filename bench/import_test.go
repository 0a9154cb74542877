package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// importMB is how large the uploaded file is; TEST_IMPORT_MB says otherwise.
func importMB(b *testing.B) int {
	b.Helper()
	text := os.Getenv("TEST_IMPORT_MB")
	if text == "" {
		return 64
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err, "TEST_IMPORT_MB")
	return n
}

// wideFile is a file of touch-points that is never stored: all rows have one width, so that it can be read from any row on.
type wideFile struct {
	head, tail string
	rows       int
	width      int
}

const wideNote = 800 // bytes of a column that nothing reads, as wide exports have many

func newWideFile(bytes int) *wideFile {
	f := &wideFile{head: "id,version,channel,direction,user_id,occurred_at,logged_at,updated_at,note\n"}
	f.width = len(f.row(0))
	f.rows = bytes / f.width
	f.tail = fmt.Sprintf("#end,%d\n", f.rows)
	return f
}

func (f *wideFile) row(i int) string {
	return fmt.Sprintf("tp_wide_%08d,1,call,inbound,usr_01,2026-03-%02dT09:00:00Z,2026-03-30T09:10:00Z,2026-03-30T10:00:00Z,%0*d\n", i, i%28+1, wideNote, i)
}

func (f *wideFile) size() int64 {
	return int64(len(f.head)) + int64(f.rows)*int64(f.width) + int64(len(f.tail))
}

// from reads the file from the beginning of a row on.
func (f *wideFile) from(offset int64) io.Reader {
	out, in := io.Pipe()
	go func() {
		var err error
		row := int((offset - int64(len(f.head))) / int64(f.width))
		if offset == 0 {
			_, err = io.WriteString(in, f.head)
			row = 0
		}
		var batch strings.Builder
		for ; row < f.rows && err == nil; row++ {
			if batch.WriteString(f.row(row)); batch.Len() > 64<<10 {
				_, err = io.WriteString(in, batch.String())
				batch.Reset()
			}
		}
		if err == nil {
			_, err = io.WriteString(in, batch.String()+f.tail)
		}
		_ = in.CloseWithError(err) // nil ends it as it should
	}()
	return out
}

// BenchmarkImport uploads one file, of 64 MB where TEST_IMPORT_MB does not say otherwise, and watches the api's memory.
func BenchmarkImport(b *testing.B) {
	s := newStack(b, false)
	a := s.newAccount(b, "files", 10, limit{})
	w := s.newWorkspace(b, "files", a)
	const id = acmesync.TenantID("files")
	base := s.apiURL + "/v1/tenants/" + string(id)
	ask(b, http.MethodPost, s.apiURL+"/v1/tenants", s.apiKey, map[string]any{
		"id": id, "name": "files", "acme": map[string]any{"base_url": s.acmeURL}, "app": map[string]any{"base_url": s.appURL},
		"config": map[string]any{"profile": map[string]any{"files": map[string]any{"only": true}}},
	}, nil)
	ask(b, http.MethodPut, base+"/credentials", s.apiKey, map[string]any{"app": map[string]any{"token": w.Token}}, nil)
	s.activate(b, id)
	for b.Loop() {
		users := "id,version,name,email,active,time_zone,updated_at\nusr_01,1,A,nobody@example.test,true,UTC,2026-03-01T10:00:00Z\n#end,1\n"
		s.uploadAll(b, base, "users", int64(len(users)), func(offset int64) io.Reader { return strings.NewReader(users[offset:]) })
		file := newWideFile(importMB(b) << 20)
		s.awaitQuiet(b)
		idle := statusMB(s.api.pid(), "VmRSS:")
		watch := watchMemory(s.api.pid())
		began := time.Now()
		waited := s.uploadAll(b, base, "touchpoints", file.size(), file.from)
		took := time.Since(began)
		samples := sample(watch.end())
		await(b, 30*time.Minute, "all rows are dealt with", func() (bool, string) {
			var waiting int
			require.NoError(b, s.db.Super.Get(&waiting, `SELECT count(*) FROM envelopes WHERE tenant = $1 AND ended_at IS NULL`, id))
			return waiting == 0, fmt.Sprint(waiting)
		})
		all := time.Since(began)
		var known int
		require.NoError(b, s.db.Super.Get(&known, `SELECT count(*) FROM ledger WHERE tenant = $1 AND stream = 'touchpoints'`, id))
		require.Equal(b, file.rows, known)
		peak := statusMB(s.api.pid(), "VmHWM:")
		table(fmt.Sprintf("Import of %d MB, %d rows of %d bytes", file.size()>>20, file.rows, file.width),
			[]string{"uploaded in", "of it waiting for the app", "rows/s", "all dealt with in", "api idle MB", "median", "peak", "worker peak"},
			[]string{took.Round(time.Millisecond).String(), waited.Round(time.Second).String(), fmt.Sprintf("%.0f", float64(file.rows)/took.Seconds()),
				all.Round(time.Millisecond).String(), fmt.Sprintf("%.0f", idle), fmt.Sprintf("%.0f", samples.median()), fmt.Sprintf("%.0f", peak),
				fmt.Sprintf("%.0f", statusMB(s.worker.pid(), "VmHWM:"))})
		b.ReportMetric(peak, "peak-MB")
		b.ReportMetric(float64(file.rows)/all.Seconds(), "rows/s")
	}
	b.ReportMetric(0, "ns/op")
}

// uploadAll sends a file as fast as it is taken, and answers how long it was told to wait.
func (s *stack) uploadAll(b *testing.B, base, stream string, size int64, from func(offset int64) io.Reader) (waited time.Duration) {
	b.Helper()
	var i acmesync.Import
	ask(b, http.MethodPost, base+"/imports", s.apiKey, map[string]any{"stream": stream, "name": stream + ".csv", "size": size, "again": true}, &i)
	address := base + "/imports/" + i.ID
	long := &http.Client{}
	for i.State == acmesync.ImportReceiving {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPatch, address, from(i.Offset))
		require.NoError(b, err)
		req.Header.Set("Authorization", "Bearer "+s.apiKey)
		req.Header.Set("Content-Type", "text/csv")
		req.Header.Set("Upload-Offset", fmt.Sprint(i.Offset))
		if res, err := long.Do(req); err == nil { // else the answer came before the body's end: the import says how far it is
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		before := i
		ask(b, http.MethodGet, address, s.apiKey, nil, &i)
		if i.State == acmesync.ImportReceiving {
			pause := 500 * time.Millisecond
			if i.Offset == before.Offset {
				pause = time.Second
			}
			<-time.After(pause)
			waited += pause
		}
	}
	require.Contains(b, []acmesync.ImportState{acmesync.ImportComplete, acmesync.ImportDuplicate}, i.State, i.Message)
	return waited
}
