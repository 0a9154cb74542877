package acmetest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// exports holds files against lists: both are the same records.
func (s *suite) exports(t *testing.T) {
	for _, style := range []string{"", "?style=spreadsheet"} {
		for _, r := range resources() {
			t.Run(string(r)+" come as a file"+style+" with all that a list brings", func(t *testing.T) {
				listed := map[string]acme.Item{}
				for _, item := range s.walk(t, r, acme.ListQuery{Limit: 200, IncludeDeleted: true}) {
					listed[item.ID] = item
				}
				got := s.call(t, http.MethodGet, "/v1/exports/"+string(r)+style, nil).wants(t, http.StatusOK, "")
				rows := readExport(t, r, got.body)
				require.Len(t, rows, len(listed))
				for _, row := range rows {
					require.NotEmpty(t, row.ID, "%s", row.Raw)
					same(t, r, listed[row.ID], row)
				}
			})
		}
	}
}

func readExport(t *testing.T, r acme.Resource, file []byte) []acme.Item {
	t.Helper()
	layout := (*acme.Profile)(nil).FileLayout(r)
	reader, err := layout.Read(bytes.NewReader(file), acme.FilePlace{}, int64(len(file)))
	require.NoError(t, err)
	var items []acme.Item
	for {
		chunk, err := reader.Next()
		items = append(items, chunk.Items...)
		if errors.Is(err, io.EOF) {
			complete, why := layout.Verdict(chunk.Place, int64(len(file)))
			require.True(t, complete, why)
			return items
		}
		require.NoError(t, err)
	}
}

// same holds a row against the record as it is listed: its keys, and all of it where it can be read.
func same(t *testing.T, r acme.Resource, listed, row acme.Item) {
	t.Helper()
	require.Equal(t, []any{listed.ID, listed.Version, listed.UpdatedAt, listed.Deleted, listed.OwnerID}, []any{row.ID, row.Version, row.UpdatedAt, row.Deleted, row.OwnerID})
	var want, got any
	var wantErr, gotErr error
	switch r {
	case acme.Appointments:
		want, wantErr = acme.DecodeAppointment(listed.Raw)
		got, gotErr = acme.DecodeAppointment(row.Raw)
	case acme.Touchpoints:
		want, wantErr = acme.DecodeTouchpoint(listed.Raw)
		got, gotErr = acme.DecodeTouchpoint(row.Raw)
	case acme.Contacts:
		want, wantErr = acme.DecodeContact(listed.Raw)
		got, gotErr = acme.DecodeContact(row.Raw)
	default:
		want, wantErr = acme.DecodeUser(listed.Raw)
		got, gotErr = acme.DecodeUser(row.Raw)
	}
	require.Equal(t, wantErr == nil, gotErr == nil)
	require.Equal(t, want, got)
}
