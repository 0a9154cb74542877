package acmetest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// inXML is the strict client reading XML; single gets stand for batch gets where asked for.
func (s *suite) inXML(t *testing.T, document string) *acme.Client {
	t.Helper()
	p, problems := acme.ParseProfile([]byte(document))
	require.Empty(t, problems)
	c := s.client(t)
	c.Profile = &p
	return c
}

func (s *suite) xml(t *testing.T) {
	const plain = `{"format":"xml"}`
	for _, r := range resources() {
		t.Run(string(r)+" are the same in XML as in JSON, page by page", func(t *testing.T) {
			ours, theirs := s.client(t), s.inXML(t, plain)
			q, x := acme.ListQuery{Limit: 50, IncludeDeleted: true}, acme.ListQuery{Limit: 50, IncludeDeleted: true}
			for {
				want, err := ours.List(t.Context(), r, q)
				require.NoError(t, err)
				got, err := theirs.List(t.Context(), r, x)
				require.NoError(t, err)
				sameItems(t, r, want.Items, got.Items)
				require.Equal(t, want.NextCursor == "", got.NextCursor == "")
				if q.Cursor, x.Cursor = want.NextCursor, got.NextCursor; q.Cursor == "" {
					return
				}
			}
		})
		t.Run(string(r)+" by id are the same in XML as in JSON", func(t *testing.T) {
			asked := append(ids(s.some(t, r, 5)), "unknown")
			want, err := s.client(t).BatchGet(t.Context(), r, asked)
			require.NoError(t, err)
			for _, document := range []string{plain, `{"format":"xml","` + string(r) + `":{"batch":null}}`} {
				got, err := s.inXML(t, document).BatchGet(t.Context(), r, asked)
				require.NoError(t, err)
				sameItems(t, r, want.Items, got.Items)
				require.Equal(t, want.Missing, got.Missing)
			}
		})
		t.Run(string(r)+" of the future are none in XML", func(t *testing.T) {
			page, err := s.inXML(t, plain).List(t.Context(), r, acme.ListQuery{UpdatedSince: s.serverTime(t).AddDate(1, 0, 0)})
			require.NoError(t, err)
			require.Empty(t, page.Items)
			require.Empty(t, page.NextCursor)
		})
	}
	t.Run("the account is the same in XML as in JSON", func(t *testing.T) {
		want, err := s.client(t).Account(t.Context())
		require.NoError(t, err)
		got, err := s.inXML(t, plain).Account(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("refusals are in XML too, of the same kinds", func(t *testing.T) {
		client := s.inXML(t, plain)
		_, err := client.List(t.Context(), acme.Users, acme.ListQuery{Limit: 501})
		require.NoError(t, err, "a client asks for no more than the contract allows")
		got := s.call(t, http.MethodGet, "/v1/appointments/unknown", nil, "Accept", "application/xml").wants(t, http.StatusNotFound, "")
		require.Contains(t, string(got.body), "<code>not_found</code>")
		s.call(t, http.MethodGet, "/v1/users?limit=0", nil, "Accept", "application/xml").wants(t, http.StatusBadRequest, "")
		client.APIKey = "nobody"
		_, err = client.Account(t.Context())
		var e *acme.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, acme.KindUnauthorised, e.Kind)
		require.Equal(t, "unauthorised", e.Code)
		require.NotEmpty(t, e.RequestID)
	})
	t.Run("whoever accepts anything is answered in JSON", func(t *testing.T) {
		for _, accept := range []string{"", "*/*", "text/html, */*;q=0.8", "application/json"} {
			got := s.call(t, http.MethodGet, "/v1/account", nil, "Accept", accept).wants(t, http.StatusOK, "")
			require.Contains(t, got.header.Get("Content-Type"), "application/json")
		}
	})
}

// sameItems wants items that are equal but for the words they came in.
func sameItems(t *testing.T, r acme.Resource, want, got []acme.Item) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		a, refused := decoded(r, want[i].Raw)
		b, err := decoded(r, got[i].Raw)
		require.Equal(t, refused, err)
		require.Equal(t, a, b)
		mine, theirs := want[i], got[i]
		mine.Raw, theirs.Raw = nil, nil
		require.Equal(t, mine, theirs)
	}
}

func decoded(r acme.Resource, raw []byte) (any, error) {
	switch r {
	case acme.Users:
		return acme.DecodeUser(raw)
	case acme.Contacts:
		return acme.DecodeContact(raw)
	case acme.Appointments:
		return acme.DecodeAppointment(raw)
	default:
		return acme.DecodeTouchpoint(raw)
	}
}
