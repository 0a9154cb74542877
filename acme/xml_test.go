package acme

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is what a page of XML comes to.
type golden struct {
	Refused *refusedPage `json:"refused,omitempty"`
	Items   []goldenItem `json:"items,omitempty"`
	Next    string       `json:"next,omitempty"`
}

type refusedPage struct {
	Kind   Kind   `json:"kind"`
	Code   string `json:"code"`
	Sick   bool   `json:"sick,omitempty"`
	Advice string `json:"advice,omitempty"`
}

type goldenItem struct {
	ID        string          `json:"id"`
	Version   int64           `json:"version,omitempty"`
	UpdatedAt time.Time       `json:"updated_at,omitzero"`
	Refused   string          `json:"refused,omitempty"` // by the decoder: code and field
	Record    json.RawMessage `json:"record"`
}

// Each page of testdata/xml, read by the profile beside it or as Acme's own.
func TestGoldenXML(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("testdata/xml/*.xml")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, name := range pages {
		name = strings.TrimSuffix(name, ".xml")
		t.Run(strings.ReplaceAll(filepath.Base(name), "-", " "), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(name + ".xml")
			require.NoError(t, err)
			document, err := os.ReadFile(name + ".profile.json")
			if errors.Is(err, os.ErrNotExist) {
				document, err = []byte(`{"format":"xml"}`), nil
			}
			require.NoError(t, err)
			p, problems := ParseProfile(document)
			require.Empty(t, problems)
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			require.NoError(t, e.Encode(goldenOf(p.dialect(Appointments), body)))
			if *update {
				require.NoError(t, os.WriteFile(name+".golden.json", got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(name + ".golden.json")
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

func goldenOf(d *dialect, body []byte) golden {
	items, rest, err := readXML(d, body)
	if err == nil && d.whole && !rest.names(d.next) {
		err = half("list", 200)
	}
	var g golden
	if e, refused := errors.AsType[*Error](err); refused {
		g.Refused = &refusedPage{e.Kind, e.Code, e.Sick, e.Advice()}
		return g
	}
	for _, item := range items {
		one := goldenItem{ID: item.ID, Version: item.Version, UpdatedAt: item.UpdatedAt, Record: item.Raw}
		if _, err := DecodeAppointment(item.Raw); item.ID != "" && err != nil {
			e, _ := errors.AsType[*Error](err)
			one.Refused = e.Code + " " + e.Field
		}
		g.Items = append(g.Items, one)
	}
	g.Next, _ = d.word(d.next, rest)
	return g
}

// One record among good neighbours, whatever it is made of, costs neither them nor the process.
//
//nolint:paralleltest // it weighs what the process takes
func TestMonstrousXML(t *testing.T) {
	good := string(sampleXML(1))
	before, after, found := strings.Cut(good, "<appointment>")
	require.True(t, found)
	among := func(monster string) []byte { return []byte(before + monster + "<appointment>" + after) }
	d := xmlAppointments(t)
	for name, c := range map[string]struct {
		body []byte
		code string // of the record; empty: the page is none
	}{
		"nine thousand levels":           {among("<appointment>" + strings.Repeat("<a>", 9_000) + strings.Repeat("</a>", 9_000) + "</appointment>"), CodeTooDeep},
		"five million levels":            {among("<appointment>" + strings.Repeat("<a>", 5_000_000)), ""},
		"a million attributes":           {among("<appointment " + attributes(1_000_000) + "/>"), CodeTooMany},
		"a million elements":             {among("<appointment>" + strings.Repeat("<a/>", 1_000_000) + "</appointment>"), CodeTooMany},
		"fifteen megabytes of text":      {among("<appointment><id>" + strings.Repeat("x", 15<<20) + "</id></appointment>"), CodeTooLarge},
		"a value of fifteen megabytes":   {among(`<appointment id="` + strings.Repeat("x", 15<<20) + `"/>`), CodeTooLarge},
		"a name of fifteen megabytes":    {among("<appointment><" + strings.Repeat("x", 15<<20) + "/></appointment>"), CodeTooLarge},
		"a comment of fifteen megabytes": {among("<appointment><!--" + strings.Repeat("x", 15<<20) + "--></appointment>"), CodeTooLarge},
		"a million pieces of text":       {among("<appointment><id>" + strings.Repeat("<![CDATA[x]]>", 1_000_000) + "</id></appointment>"), CodeTooLarge},
		"a million records":              {among(strings.Repeat("<appointment/>", 1_000_000)), ""},
		"a million other elements":       {[]byte(strings.Replace(good, "<data>", strings.Repeat("<a/>", 1_000_000)+"<data>", 1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var start, end runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&start)
			began := time.Now()
			items, _, err := readXML(d, c.body)
			took := time.Since(began)
			runtime.ReadMemStats(&end)
			require.Less(t, took, 5*time.Second, "a second on a machine that has nothing else to do")
			require.Less(t, (end.TotalAlloc-start.TotalAlloc)>>20, uint64(64), "megabytes, all that was ever asked for")
			if c.code == "" {
				require.Equal(t, KindUnavailable, KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Len(t, items, 2)
			require.Empty(t, items[0].ID)
			require.Contains(t, string(items[0].Raw[:100]), `"code":"`+c.code+`"`)
			require.Less(t, len(items[0].Raw), 2*MaxRecordBytes)
			require.Equal(t, "apt_000000", items[1].ID)
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d="" `, i)
	}
	return b.String()
}

func TestBadRecordsInXML(t *testing.T) {
	t.Parallel()
	t.Run("the same bad record at another place is the same", func(t *testing.T) {
		t.Parallel()
		const bad = `<appointment><id/></appointment>`
		page := func(records string) []Item {
			items, _, err := readXML(xmlAppointments(t), []byte("<page><data>"+records+"</data><next_cursor/></page>"))
			require.NoError(t, err)
			return items
		}
		first, second := page(bad)[0], page("\n<appointment/>" + bad)[1]
		require.NotEqual(t, first.Raw, second.Raw)
		require.Equal(t, first.Content(), second.Content())
		require.NotEqual(t, first.Content(), page("<appointment/>")[0].Content())
		require.Equal(t, []byte(`{"a":1}`), Item{Raw: json.RawMessage(`{"a":1}`)}.Content())
	})
	t.Run("what is kept of one is JSON, and read again as it was listed", func(t *testing.T) {
		t.Parallel()
		items, _, err := readXML(xmlAppointments(t), []byte("<page><data>\n\n<appointment>\"\\\u2028&bad;</appointment></data><next_cursor/></page>"))
		require.NoError(t, err)
		again, err := ReadItems(JoinItems(items))
		require.NoError(t, err)
		require.Equal(t, items, again)
		var kept struct {
			Unreadable struct {
				Position, Line int
				Code, XML      string
			}
		}
		require.NoError(t, json.Unmarshal(items[0].Raw, &kept))
		require.Equal(t, "<appointment>\"\\\u2028&bad;</appointment>", kept.Unreadable.XML)
		require.Equal(t, "Record 1 of its page, on line 3, cannot be read: it refers to an entity or a character that XML does not have, in appointment.", items[0].Trouble())
		require.Empty(t, Item{Raw: json.RawMessage(`{"unreadable":{"id":5}}`)}.Trouble())
		require.Equal(t, []any{1, 3, CodeBadEntity}, []any{kept.Unreadable.Position, kept.Unreadable.Line, kept.Unreadable.Code})
	})
}
