package crm_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/acme/acmetest"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"
)

func inXML(t *testing.T, of *acme.Client) *acme.Client {
	t.Helper()
	p, problems := acme.ParseProfile([]byte(`{"format":"xml"}`))
	require.Empty(t, problems)
	c := *of
	c.Profile = &p
	return &c
}

func TestXML(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})
	id := business.All()[2].ID
	own := s.client(id)
	theirs := inXML(t, own)
	everything := acme.ListQuery{Limit: 200, IncludeDeleted: true}

	t.Run("what is read as XML is what is read as JSON, item by item", func(t *testing.T) {
		t.Parallel()
		same(t, walk(t, own, acme.Appointments, everything), walk(t, theirs, acme.Appointments, everything), acme.DecodeAppointment)
		same(t, walk(t, own, acme.Touchpoints, everything), walk(t, theirs, acme.Touchpoints, everything), acme.DecodeTouchpoint)
		same(t, walk(t, own, acme.Contacts, everything), walk(t, theirs, acme.Contacts, everything), acme.DecodeContact)
		same(t, walk(t, own, acme.Users, everything), walk(t, theirs, acme.Users, everything), acme.DecodeUser)
		mine, err := own.Account(t.Context())
		require.NoError(t, err)
		account, err := theirs.Account(t.Context())
		require.NoError(t, err)
		require.Equal(t, mine, account)
	})
	t.Run("what the fetch lane relies on holds", func(t *testing.T) {
		t.Parallel()
		acmetest.RunReads(t, acmetest.Reader{Client: theirs, Unknown: map[acme.Resource]string{
			acme.Appointments: "apt_999999", acme.Touchpoints: "tpt_9999999", acme.Contacts: "con_999999", acme.Users: "usr_99",
		}})
	})
}

// same wants equal items that decode to equal records, or are refused for the same field.
func same[T any](t *testing.T, mine, theirs []acme.Item, decode func([]byte) (T, error)) {
	t.Helper()
	require.NotEmpty(t, mine)
	require.Len(t, theirs, len(mine))
	for i, want := range mine {
		got := theirs[i]
		a, refused := decode(want.Raw)
		b, err := decode(got.Raw)
		require.Equal(t, refused, err)
		require.Equal(t, a, b)
		want.Raw, got.Raw = nil, nil
		require.Equal(t, want, got)
	}
}

func TestTruncatedXML(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})
	id := business.All()[2].ID
	client := inXML(t, s.client(id))
	s.faults(id, map[string]any{"truncated_page": true})
	_, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{})
	require.Equal(t, acme.KindUnavailable, acme.KindOf(err))
	s.faults(id, map[string]any{})
	got := s.call(http.MethodGet, "/v1/appointments/nobody", s.key(id), nil, "Accept", "application/xml")
	require.Equal(t, http.StatusNotFound, got.status)
	require.Contains(t, string(got.body), "<code>not_found</code>")
}
