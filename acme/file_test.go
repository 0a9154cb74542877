package acme_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

// layout is how a resource's files are read under the part files of a profile; empty: as Acme exports them.
func layout(t testing.TB, r acme.Resource, files string) *acme.FileLayout {
	t.Helper()
	if files == "" {
		return (*acme.Profile)(nil).FileLayout(r)
	}
	p, problems := acme.ParseProfile([]byte(`{"files": ` + files + `}`))
	require.Empty(t, problems)
	return p.FileLayout(r)
}

// imported is what a whole file has come to.
type imported struct {
	Items    []json.RawMessage `json:"items"`
	Place    acme.FilePlace    `json:"-"`
	Rows     int64             `json:"rows"`
	Bad      int64             `json:"bad"`
	Complete bool              `json:"complete"`
	Why      string            `json:"why,omitempty"`
	Failed   string            `json:"failed,omitempty"`
}

// readFile reads a file in bodies of so many bytes each, as a client that resumes does; 0: in one.
func readFile(t testing.TB, l *acme.FileLayout, file []byte, body int, wrap func(io.Reader) io.Reader) imported {
	t.Helper()
	if body == 0 {
		body = len(file) + 1
	}
	var got imported
	place, size, grow := acme.FilePlace{}, int64(len(file)), 1
	for !place.Cut && got.Failed == "" {
		end := min(place.Offset+int64(body*grow), size)
		r, err := l.Read(wrap(bytes.NewReader(file[place.Offset:end])), place, size)
		require.NoError(t, err)
		before := place.Offset
		for {
			chunk, err := r.Next()
			for _, item := range chunk.Items {
				got.Items = append(got.Items, item.Raw)
			}
			place = chunk.Place
			failed := (*acme.FileError)(nil)
			if errors.As(err, &failed) {
				got.Failed = failed.Error()
			}
			if err != nil {
				break
			}
		}
		if place.Offset == size || end == size && place.Offset == before {
			break
		}
		if place.Offset > before {
			grow = 1
		} else {
			grow = 2 * int((end-before)/int64(body)+1)
		}
	}
	got.Place, got.Rows, got.Bad = place, place.Rows, place.Bad
	got.Complete, got.Why = l.Verdict(place, size)
	return got
}

func plainly(r io.Reader) io.Reader { return r }

// TestFilesGolden reads each file of testdata/files, whose name says how: resource.fact.csv, beside it resource.fact.json where it
// has a profile's part files.
func TestFilesGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/files/*.csv")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".csv")
		t.Run(strings.ReplaceAll(name, "-", " "), func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			files, err := os.ReadFile(strings.TrimSuffix(path, ".csv") + ".files.json")
			if !os.IsNotExist(err) {
				require.NoError(t, err)
			}
			resource, _, _ := strings.Cut(name, ".")
			l := layout(t, acme.Resource(resource), string(files))
			got := readFile(t, l, file, 0, plainly)
			out, err := json.MarshalIndent(got, "", "  ")
			require.NoError(t, err)
			golden := strings.TrimSuffix(path, ".csv") + ".golden.json"
			if flag.Lookup("update").Value.String() == "true" { // the package's own tests define it
				require.NoError(t, os.WriteFile(golden, append(out, '\n'), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(out))

			for _, body := range []int{1, 7, 64} {
				again := readFile(t, l, file, body, plainly)
				require.Equal(t, got, again, "in bodies of %d bytes", body)
			}
			require.Equal(t, got, readFile(t, l, file, 0, iotest.OneByteReader), "a byte at a time")
		})
	}
}

const head = "id,version,updated_at,subject,start,start_time_zone\n"

func row(id string) string {
	return id + ",1,2026-03-01T10:00:00Z,Talk,2026-03-02T09:00:00,Europe/Zurich\n"
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, failed, why string }{
		"an empty file":                           {"", "", "the file is empty: there is no header line"},
		"a byte order mark alone":                 {"\xef\xbb\xbf", "", "the file is empty: there is no header line"},
		"UTF-16, little-endian":                   {"\xff\xfei\x00d\x00,\x00", "line 1: this is UTF-16", ""},
		"UTF-16, big-endian":                      {"\xfe\xff\x00i\x00d", "line 1: this is UTF-16", ""},
		"UTF-16 without a mark":                   {"i\x00d\x00,\x00v\x00", "line 1: this is UTF-16", ""},
		"a workbook":                              {"PK\x03\x04......", "line 1: this is a ZIP archive or a workbook", ""},
		"a packed file":                           {"\x1f\x8b\x08\x00....", "line 1: this is packed by gzip", ""},
		"JSON":                                    {`[{"id": 1}]`, "line 1: this is JSON", ""},
		"a web page":                              {"<html></html>", "line 1: this is XML or a web page", ""},
		"no header":                               {row("a") + row("b"), "line 1: there is no column id", ""},
		"two columns of one name":                 {"id,version,updated_at,id\n", "line 1: columns 1 and 4 have the same name", ""},
		"a column without a name":                 {"id,,updated_at\n", "line 1: column 2 has no name", ""},
		"no column for the time of change":        {"id,version\n", "line 1: there is no column updated_at", ""},
		"too many columns":                        {"id" + strings.Repeat(",x", 1000) + "\n", "line 1: the header line cannot be read: it has more than 1,000 columns", ""},
		"a header of one endless line":            {strings.Repeat("x", 2<<20), "line 1: the header line cannot be read: it is larger than 1 MB", ""},
		"a header whose quote is not closed":      {"\"id,version\n" + row("a"), "", "the file is cut off in line 1"},
		"the header alone":                        {head, "", "the last row, #end, is missing: the file is cut off behind line 1"},
		"no trailer":                              {head + row("a"), "", "the last row, #end, is missing: the file is cut off behind line 2"},
		"cut off inside of a row":                 {head + row("a") + "b,1,2026", "", "the file is cut off in line 3"},
		"cut off inside of a quote":               {head + row("a") + "b,1,2026-03-01T10:00:00Z,\"Ta\nlk", "", "the file is cut off in line 3"},
		"cut off before the last line's end":      {head + strings.TrimSuffix(row("a"), "\n"), "", "the file is cut off in line 2"},
		"a trailer that counts more":              {head + row("a") + "#end,2\n", "", "the last row says that there are 2 rows, and there are 1"},
		"a trailer that does not count":           {head + row("a") + "#end\n", "", "the last row does not say how many rows there are"},
		"a trailer that is cut off in its number": {head + row("a") + row("b") + "#end,", "", "the last row does not say how many rows there are"},
		"rows behind the trailer":                 {head + row("a") + "#end,1\n" + row("b"), "line 4: rows follow behind the file's last row", ""},
		"two files joined":                        {head + row("a") + "#end,1\n" + head + row("b") + "#end,1\n", "line 4: rows follow behind the file's last row", ""},
	} {
		t.Run(name+" is never complete", func(t *testing.T) {
			t.Parallel()
			for _, body := range []int{0, 100} {
				got := readFile(t, layout(t, acme.Appointments, ""), []byte(c.file), body, plainly)
				if c.failed != "" {
					require.Contains(t, got.Failed, c.failed)
					continue
				}
				require.Empty(t, got.Failed)
				require.False(t, got.Complete)
				require.Equal(t, c.why, got.Why)
			}
		})
	}
}

func TestBadRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ row, problem string }{
		"too few cells":               {"x,1\n", "it has 2 cells where the header names 6 columns"},
		"too many cells":              {"x,1,,,,,,\n", "it has 8 cells where the header names 6 columns"},
		"a quote inside a cell":       {"x,1,2026-03-01T10:00:00Z,5\" pipe,,\n", "a quote stands inside a cell that is not quoted"},
		"text behind a closing quote": {"x,1,2026-03-01T10:00:00Z,\"a\"b,,\n", "something follows a closing quote"},
		"a quote that is not closed":  {"x,1,2026-03-01T10:00:00Z,\"a,,\n", "a quote is opened and not closed"},
		"a NUL character":             {"x,1,2026-03-01T10:00:00Z,a\x00b,,\n", "it holds a NUL character"},
		"what is not UTF-8":           {"x,1,2026-03-01T10:00:00Z,caf\xe9,,\n", "it is not UTF-8"},
		"no id":                       {",1,2026-03-01T10:00:00Z,a,,\n", "it has no usable id, version or time of change"},
		"a version that is no number": {"x,one,2026-03-01T10:00:00Z,a,,\n", "it has no usable id, version or time of change"},
		"no time of change":           {"x,1,yesterday,a,,\n", "it has no usable id, version or time of change"},
		"an id that is too long":      {strings.Repeat("x", 200) + ",1,2026-03-01T10:00:00Z,a,,\n", "it has no usable id, version or time of change"},
		"more than a megabyte":        {"x,1,2026-03-01T10:00:00Z," + strings.Repeat("a", 3<<20) + ",,\n", "it is larger than 1 MB"},
		"a megabyte in quotes":        {"x,1,2026-03-01T10:00:00Z,\"" + strings.Repeat("a", 3<<20) + "\",,\n", "it is larger than 1 MB"},
		"a thousand columns more":     {strings.Repeat(",", 5000) + "x\n", "it has more than 1,000 columns"},
	} {
		t.Run(name+" parks alone with its line", func(t *testing.T) {
			t.Parallel()
			for _, body := range []int{0, 100_000} {
				got := readFile(t, layout(t, acme.Appointments, ""), []byte(head+row("a")+c.row+row("b")+"#end,3\n"), body, plainly)
				require.Empty(t, got.Failed)
				require.True(t, got.Complete, got.Why)
				require.Len(t, got.Items, 3)
				require.EqualValues(t, 1, got.Bad)
				require.Contains(t, string(got.Items[0]), `"id":"a"`)
				line, problem, text, ok := acme.BadRow(got.Items[1])
				require.True(t, ok, "%.200s", got.Items[1])
				require.EqualValues(t, 3, line)
				require.Equal(t, c.problem, problem)
				require.NotEmpty(t, text)
				require.Contains(t, string(got.Items[2]), `"id":"b"`)
			}
		})
	}
	t.Run("a quote that is never closed costs its own line and no memory", func(t *testing.T) {
		t.Parallel()
		var file bytes.Buffer
		file.WriteString(head + row("a") + "x,1,2026-03-01T10:00:00Z,\"never closed,,\n")
		const rows = 60_000 // some megabytes
		for i := range rows {
			file.WriteString(row(fmt.Sprint("r", i)))
		}
		fmt.Fprintf(&file, "#end,%d\n", rows+2)
		got := readFile(t, layout(t, acme.Appointments, ""), file.Bytes(), 0, plainly)
		require.True(t, got.Complete, got.Why)
		require.EqualValues(t, 1, got.Bad)
		require.EqualValues(t, rows+2, got.Rows)
	})
}

func TestQuotesThatAreNeverClosed(t *testing.T) {
	t.Parallel()
	l := (*acme.Profile)(nil).FileLayout(acme.Contacts)
	file := bytes.NewBufferString("id,name,updated_at,version\n")
	for range 300_000 { // outer quotes were stripped: each line begins or ends inside a quote
		file.WriteString("x\",\"y\n")
	}
	began := time.Now()
	got := readFile(t, l, file.Bytes(), 0, func(r io.Reader) io.Reader { return r })
	require.Contains(t, got.Failed, "never closed")
	require.Less(t, time.Since(began), 10*time.Second, "a file must not keep a reader busy for hours")
	require.LessOrEqual(t, got.Bad, int64(100))
}
