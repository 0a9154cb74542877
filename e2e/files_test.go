package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

const coralFiles, coralBucket, coralUpload acmesync.TenantID = "coral-files", "coral-bucket", "coral-upload"

// fromFiles is the configuration of a tenant that is known from files alone.
func (s *stack) fromFiles(source map[string]any, layouts map[string]any) map[string]any {
	files := map[string]any{"only": true}
	if source != nil {
		files["source"] = source
	}
	maps.Copy(files, layouts)
	return map[string]any{
		"poll_seconds": 5, "profile": map[string]any{"files": files},
		"people": map[string]any{"region": "AU", "time_zone": s.accounts[coral].TimeZone},
	}
}

// export has the Acme sandbox write coral's files, and answers them by stream.
func (s *stack) export(t *testing.T, in map[string]any) map[acmesync.Stream][]byte {
	t.Helper()
	status, body := request(t, http.MethodPost, s.acmeURL+"/admin/accounts/"+string(coral)+"/export", "", in)
	require.Equal(t, http.StatusCreated, status, "%s", body)
	var made struct{ Files []string }
	require.NoError(t, json.Unmarshal(body, &made))
	all := map[acmesync.Stream][]byte{}
	for _, name := range made.Files {
		file, err := os.ReadFile(filepath.Join(s.exports, string(coral), name))
		require.NoError(t, err)
		stream, _, _ := strings.Cut(name, "-")
		all[acmesync.Stream(stream)] = file
	}
	return all
}

// lay puts a file where a tenant's files are picked up.
func (s *stack) lay(t *testing.T, id acmesync.TenantID, name string, file []byte) {
	t.Helper()
	folder := filepath.Join(s.importRoot, string(id))
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), file, 0o600))
}

func (s *stack) imported(t *testing.T, id acmesync.TenantID) []acmesync.Import {
	t.Helper()
	status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id)+"/imports?limit=200", nil)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var page struct{ Imports []acmesync.Import }
	require.NoError(t, json.Unmarshal(body, &page))
	return page.Imports
}

// awaitImports waits until so many files have come to a state.
func (s *stack) awaitImports(t *testing.T, id acmesync.TenantID, n int, state acmesync.ImportState) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("%d files of %s are %s", n, id, state), func() (bool, string) {
		all, there := s.imported(t, id), 0
		for _, i := range all {
			if i.State == state {
				there++
			}
		}
		return there == n, fmt.Sprintf("%+v", all)
	})
}

// sameAsCoral waits until a tenant has in the app what coral has, which is synced by JSON.
func (s *stack) sameAsCoral(t *testing.T, id acmesync.TenantID) {
	t.Helper()
	eventually(t, time.Minute, string(id)+" has coral's dashboard and as many events", func() (bool, string) {
		want, got := s.appTotals(t, coral), s.appTotals(t, id)
		return want == got && maps.Equal(s.dashboard(t, coral), s.dashboard(t, id)), fmt.Sprintf("%+v, want %+v", got, want)
	})
	want, got := s.calendar(t, coral, strings.Clone), s.calendar(t, id, strings.Clone)
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, e := range want {
		require.Equal(t, content(e), content(got[name]), name)
	}
	eventually(t, time.Minute, string(id)+" is balanced as coral is", func() (bool, string) {
		own, theirs := s.balance(t, coral), s.balance(t, id)
		for _, stream := range acmesync.Recorded() {
			a, b := own.stream(stream), theirs.stream(stream)
			if fmt.Sprint(a.Known, a.InStep, a.Deleted, a.Skipped, a.Parked) != fmt.Sprint(b.Known, b.InStep, b.Deleted, b.Skipped, b.Parked) {
				return false, fmt.Sprintf("%+v, want %+v", b, a)
			}
		}
		return theirs.Balanced, fmt.Sprintf("%+v", theirs)
	})
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.awaitEqual(t, coral, time.Minute)
	files := s.export(t, map[string]any{"name": "night"})

	t.Run("an account that is known from files alone ends in the same calendar and the same dashboard", func(t *testing.T) {
		s.twin(t, coralFiles)
		for stream, file := range files {
			s.lay(t, coralFiles, string(stream)+"-night.csv", file)
		}
		s.activate(t, coralFiles, s.fromFiles(map[string]any{"folder": "."}, nil))
		s.awaitImports(t, coralFiles, 4, acmesync.ImportComplete)
		s.sameAsCoral(t, coralFiles)
	})
	t.Run("the same files under other names have no second effect", func(t *testing.T) {
		before := s.writes(t, coralFiles).Applied
		for stream, file := range files {
			s.lay(t, coralFiles, string(stream)+"-again.csv", file)
		}
		s.awaitImports(t, coralFiles, 4, acmesync.ImportDuplicate)
		s.sameAsCoral(t, coralFiles)
		require.Equal(t, before, s.writes(t, coralFiles).Applied)
	})
	t.Run("files in a bucket, as a spreadsheet saves them, come to the same", func(t *testing.T) {
		s.twin(t, coralBucket)
		s.export(t, map[string]any{"name": "night", "style": "spreadsheet"})
		s.activate(t, coralBucket, s.fromFiles(map[string]any{"url": s.acmeURL + "/files/" + string(coral)}, nil))
		s.awaitImports(t, coralBucket, 4, acmesync.ImportComplete)
		s.sameAsCoral(t, coralBucket)
	})
	t.Run("a file that is cut off is never taken as complete, and what comes after it is", func(t *testing.T) {
		id := s.setAppointment(t, coral, "In tonight's file")
		whole := s.export(t, map[string]any{"name": "tomorrow"})[acmesync.Appointments]
		s.lay(t, coralFiles, "appointments-tomorrow.csv", whole[:len(whole)*9/10])
		s.awaitImports(t, coralFiles, 1, acmesync.ImportIncomplete)
		s.lay(t, coralFiles, "appointments-tomorrow.csv", whole)
		s.awaitEvent(t, coralFiles, id, time.Minute)
	})
	t.Run("a bad row parks with its line, and its neighbours go on", func(t *testing.T) {
		lines := bytes.SplitAfter(files[acmesync.Touchpoints], []byte("\n"))
		bad := slices.Concat(lines[0], []byte("tp_bad,too,short\n"), []byte("#end,1\n"))
		s.lay(t, coralFiles, "touchpoints-bad.csv", bad)
		eventually(t, time.Minute, "the row is parked", func() (bool, string) {
			_, body := s.api(t, http.MethodGet, "/v1/reviews?tenant="+string(coralFiles), nil)
			return strings.Contains(string(body), `"row"`), string(body)
		})
	})
	t.Run("a folder outside is never read", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "outside")
		require.NoError(t, os.MkdirAll(secret, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(secret, "contacts-x.csv"), files[acmesync.Contacts], 0o600))
		require.NoError(t, os.MkdirAll(filepath.Join(s.importRoot, "coral-escape"), 0o700))
		require.NoError(t, os.Symlink(secret, filepath.Join(s.importRoot, "coral-escape", "link")))
		require.NoError(t, os.Symlink(filepath.Join(secret, "contacts-x.csv"), filepath.Join(s.importRoot, "coral-escape", "contacts-x.csv")))
		s.twin(t, "coral-escape")
		s.activate(t, "coral-escape", s.fromFiles(map[string]any{"folder": "link"}, nil))
		s.awaitState(t, "coral-escape", 30*time.Second, "held")
		require.Contains(t, s.holds(t, "coral-escape")[0].Reason, "folder")
		status, body := s.api(t, http.MethodPut, "/v1/tenants/coral-escape/config", s.fromFiles(map[string]any{"folder": "."}, nil))
		require.Equal(t, http.StatusOK, status, "%s", body)
		s.awaitState(t, "coral-escape", 30*time.Second, "active")
		require.Empty(t, s.imported(t, "coral-escape"))
	})
}

// generated is a file of so many touch-points that a stack without any other takes them.
func generated(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id,version,channel,direction,user_id,contact_id,occurred_at,logged_at,duration_ms,outcome_id,email_status,updated_at,deleted_at\n")
	for i := range rows {
		fmt.Fprintf(&b, "tp_file_%07d,1,call,inbound,usr_01,,2026-03-%02dT09:00:00Z,2026-03-30T09:10:00Z,60000,,,2026-03-30T10:00:00Z,\n", i, i%28+1)
	}
	fmt.Fprintf(&b, "%s,%d\n", acme.DefaultTrailer, rows)
	return b.Bytes()
}

func TestFilesUnderFire(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 2, apis: 1})
	const rows = 60_000
	file := generated(rows)
	users := s.export(t, map[string]any{"name": "x"})[acmesync.Users]

	count := func(id acmesync.TenantID) func() (bool, string) {
		return func() (bool, string) {
			total, b := s.appTotals(t, id), s.balance(t, id)
			x := b.stream(acmesync.Touchpoints)
			return total.Touchpoints == rows && b.Balanced && x.InStep == rows && x.Known == rows, fmt.Sprintf("%+v %+v", total, x)
		}
	}
	t.Run("a worker that is killed while it picks a file up loses nothing and doubles nothing", func(t *testing.T) {
		s.twin(t, coralFiles)
		s.lay(t, coralFiles, "users-1.csv", users)
		s.lay(t, coralFiles, "touchpoints-1.csv", file)
		s.activate(t, coralFiles, s.fromFiles(map[string]any{"folder": "."}, nil))
		for n := range 4 {
			eventually(t, time.Minute, "the file is on its way", func() (bool, string) {
				for _, i := range s.imported(t, coralFiles) {
					if i.Stream == acmesync.Touchpoints && i.Rows > int64(n)*rows/6 {
						return true, ""
					}
				}
				return false, fmt.Sprintf("%+v", s.imported(t, coralFiles))
			})
			w := s.workers[n%2]
			w.kill()
			w.start(t)
		}
		eventually(t, 3*time.Minute, "all rows are counted once", count(coralFiles))
	})
	t.Run("an api that is killed while a file is uploaded loses nothing and doubles nothing", func(t *testing.T) {
		s.twin(t, coralUpload)
		s.activate(t, coralUpload, s.fromFiles(nil, nil))
		s.upload(t, coralUpload, acmesync.Users, users, nil)
		killed := 0
		s.upload(t, coralUpload, acmesync.Touchpoints, file, func(offset int64) {
			if killed < 3 && offset > int64(killed+1)*int64(len(file))/5 {
				killed++
				s.apis[0].kill()
				s.apis[0].start(t)
				waitHTTP(t, s.apiURLs[0]+"/readyz")
			}
		})
		require.Equal(t, 3, killed)
		eventually(t, 3*time.Minute, "all rows are counted once", count(coralUpload))
	})
}

// upload sends a file piece by piece, going on wherever the api says; during is called while a piece is under way.
func (s *stack) upload(t *testing.T, id acmesync.TenantID, stream acmesync.Stream, file []byte, during func(offset int64)) {
	t.Helper()
	digest := sha256.Sum256(file)
	status, body := s.api(t, http.MethodPost, "/v1/tenants/"+string(id)+"/imports", map[string]any{
		"stream": stream, "name": "upload.csv", "size": len(file), "sha256": hex.EncodeToString(digest[:]),
	})
	require.Equal(t, http.StatusCreated, status, "%s", body)
	var i acmesync.Import
	require.NoError(t, json.Unmarshal(body, &i))
	address := "/v1/tenants/" + string(id) + "/imports/" + i.ID
	eventually(t, 3*time.Minute, "the file is complete", func() (bool, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.apiURLs[0]+address, bytes.NewReader(file[i.Offset:min(int64(len(file)), i.Offset+2<<20)]))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+s.apiKey)
		req.Header.Set("Content-Type", "text/csv")
		req.Header.Set("Upload-Offset", fmt.Sprint(i.Offset))
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}()
		if during != nil {
			during(i.Offset)
		}
		<-sent
		status, body := s.api(t, http.MethodGet, address, nil)
		require.Equal(t, http.StatusOK, status, "%s", body)
		require.NoError(t, json.Unmarshal(body, &i))
		return i.State == acmesync.ImportComplete, string(body)
	})
}
