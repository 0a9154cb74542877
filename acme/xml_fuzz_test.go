package acme

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func xmlSeeds(f *testing.F) {
	f.Helper()
	pages, err := filepath.Glob("testdata/xml/*.xml")
	require.NoError(f, err)
	for _, name := range pages {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(body)
	}
	for _, seed := range []string{
		`<a/>`, `<a></a >`, `<a b='1' c="2>3"/>`, `<a><![CDATA[<b>]]></a>`, `<a>]]></a>`, `<a><!-- - --></a>`, `<a><!-- -- --></a>`, `<a>&#x41;&#65;&lt;</a>`, `<a>&lt</a>`,
		`<a:b xmlns:a="x"><a:c/></a:b>`, `<a:b:c/>`, `<:a/>`, `<a:/>`, `<a b="<"/>`, `<a b/>`, `<a b=1/>`, `<a b="1"c="2"/>`, `<a b="1" b="2"/>`, "<a>\r\n\r</a>", "<a b='\n\t'/>", "<a>\x01</a>",
		`<?xml version="1.0"?><a/>`, `<?xml encoding="utf-8" version="1.0"?><a/>`, ` <?xml version="1.0"?><a/>`, `<a/><b/>`, `<a/>x`, `<a><?b?></a>`, `<!DOCTYPE a><a/>`, `<a></b>`, `</a>`, `<`, `<a`, `<a b`, `<a b=`, `<a b="`,
		`<page><data><appointment><id>1</id><version>1</version><updated_at>2026-03-09T14:30:00Z</updated_at></appointment></data><next_cursor/></page>`,
	} {
		f.Add([]byte(seed))
	}
}

// What this package takes for XML, the standard library reads alike: the same elements, the same texts.
func FuzzXMLTree(f *testing.F) {
	xmlSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		given := bytes.Clone(body)
		data, code := openXML(body, false)
		require.Equal(t, given, body)
		if code != "" {
			return
		}
		require.True(t, utf8.Valid(data))
		tree, fault, _, code := xmlTree(data)
		if code != "" || fault != "" {
			return
		}
		_, err := json.Marshal(tree)
		require.NoError(t, err)
		names, text := tokensOf(t, data)
		theirNames, theirText, err := standardTokensOf(data)
		if err != nil {
			// Which letters beyond ASCII may stand in a name is left open here.
			require.NotEqual(t, -1, bytes.IndexFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }), "%v", err)
			return
		}
		require.Equal(t, theirNames, names)
		require.Equal(t, theirText, text)
	})
}

func tokensOf(t *testing.T, data []byte) (names []string, text string) {
	t.Helper()
	r := xmlReader{xmlScanner: xmlScanner{data: data}}
	for {
		switch r.next() {
		case xmlStart:
			names = append(names, string(localName(r.name)))
			r.eachAttribute(func(name, value []byte) bool {
				plain, code := textOf(value, true)
				require.Empty(t, code)
				names = append(names, string(localName(name)), plain)
				return true
			})
		case xmlChars:
			text += r.resolve()
		case xmlDone:
			require.Empty(t, r.fault)
			return names, text
		case xmlEnd:
		default:
			require.Fail(t, "the tree was read, the tokens are not")
		}
	}
}

func standardTokensOf(data []byte) (names []string, text string, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names, text, nil
		}
		if err != nil {
			return nil, "", err
		}
		switch v := token.(type) {
		case xml.StartElement:
			depth++
			names = append(names, v.Name.Local)
			for _, a := range v.Attr {
				// The standard library leaves line ends and tabs of values as they are.
				value := string(bytes.Map(func(r rune) rune {
					if r == '\n' || r == '\t' || r == '\r' {
						return ' '
					}
					return r
				}, []byte(a.Value)))
				names = append(names, a.Name.Local, value)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth > 0 {
				text += string(v)
			}
		}
	}
}

// Whatever a page is made of, what comes of it can be stored and read again.
func FuzzXMLPage(f *testing.F) {
	xmlSeeds(f)
	p, problems := ParseProfile([]byte(`{"format":"xml","encoding":"latin1"}`))
	require.Empty(f, problems)
	d := p.dialect(Appointments)
	f.Fuzz(func(t *testing.T, body []byte) {
		items, rest, err := readXML(d, body)
		if err != nil {
			require.Contains(t, []Kind{KindUnavailable, KindProfile}, KindOf(err))
			require.Empty(t, items)
			return
		}
		_, _ = rest.ids(path{{key: "missing"}})
		_, _ = d.word(d.next, rest)
		for _, item := range items {
			require.True(t, json.Valid(item.Raw))
			require.NotEmpty(t, item.Content())
			if item.ID != "" {
				require.True(t, usableID(item.ID))
				require.Positive(t, item.Version)
			}
		}
		again, err := ReadItems(JoinItems(items))
		require.NoError(t, err)
		require.Len(t, again, len(items))
		for i := range items {
			require.Equal(t, items[i].ID, again[i].ID)
		}
	})
}
