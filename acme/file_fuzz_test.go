package acme_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

// Whatever a file holds, and in whatever pieces it comes: each row becomes one item, a usable record or a bad row, nothing is read
// twice, and pieces make no difference.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		head + row("a") + "#end,1\n",
		"\xef\xbb\xbfid;version;updated_at\r\n\"a\nb\";1;2026-03-01T10:00:00Z\r\n#end;1\r\n",
		"id,updated_at\rx,2026-03-01T10:00:00Z\r#end,1",
		head + "x,\"\"\"\",,\"\n\",\",\",\"\n#end,1\n",
		"id,id\n", "\"", "\"\"\"", "\r\n\r\n", "#end,0\n", "\xff\xfe\x00", "id,updated_at\n\x00,\"\n\n",
		"id,updated_at\na,2026-03-01T10:00:00Z\n\"#end\",1\n#end,2\n",
	} {
		f.Add([]byte(seed), uint16(3))
	}
	f.Fuzz(func(t *testing.T, file []byte, body uint16) {
		for _, files := range []string{"", `{"appointments": {"trailer": null, "encoding": "latin1", "zone": "Europe/Zurich"}}`} {
			l := layout(t, acme.Appointments, files)
			whole := readFile(t, l, file, 0, plainly)
			require.LessOrEqual(t, whole.Place.Offset, int64(len(file)))
			require.Len(t, whole.Items, int(whole.Rows))
			bad := int64(0)
			for _, item := range whole.Items {
				require.True(t, json.Valid(item), "%q", item)
				if _, _, _, ok := acme.BadRow(item); ok {
					bad++
				}
			}
			require.Equal(t, whole.Bad, bad)
			stored := make([]acme.Item, len(whole.Items))
			for i, item := range whole.Items {
				stored[i].Raw = item
			}
			again, err := acme.ReadItems(acme.JoinItems(stored))
			require.NoError(t, err)
			require.Len(t, again, len(stored))
			if whole.Complete && whole.Failed == "" {
				require.Equal(t, int64(len(file)), whole.Place.Offset)
			}
			pieces := readFile(t, l, bytes.Clone(file), int(body)+1, plainly)
			require.Equal(t, whole, pieces)
		}
	})
}
