package crm_test

import (
	"cmp"
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/acme/acmetest"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/dialects"
)

// profileOf reads one of the profiles that the documents offer.
func profileOf(t *testing.T, name string) *acme.Profile {
	t.Helper()
	raw, err := os.ReadFile("../../docs/profiles/" + name + ".json")
	require.NoError(t, err)
	p, problems := acme.ParseProfile(raw)
	require.Empty(t, problems)
	return &p
}

func walk(t *testing.T, c *acme.Client, r acme.Resource, q acme.ListQuery) []acme.Item {
	t.Helper()
	var all []acme.Item
	var watch acme.Walk
	for {
		page, err := c.List(t.Context(), r, q)
		require.NoError(t, err)
		require.NoError(t, watch.Step(r, q.Cursor, page))
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all
		}
		q.Cursor = page.NextCursor
	}
}

func decoded[T any](t *testing.T, items []acme.Item, decode func([]byte) (T, error)) map[string]T {
	t.Helper()
	all := map[string]T{}
	for _, item := range items {
		require.NotEmpty(t, item.ID, "%s", item.Raw)
		one, err := decode(item.Raw)
		if err != nil { // a record that is bad in Acme's own words too
			continue
		}
		all[item.ID] = one
	}
	return all
}

func TestDialectsComeBackInTheCanonicalForm(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})
	id := business.All()[2].ID
	own := &acme.Client{BaseURL: s.url, APIKey: s.key(id)}
	everything := acme.ListQuery{Limit: 200, IncludeDeleted: true}

	t.Run("hub loses microseconds and nothing else", func(t *testing.T) {
		t.Parallel()
		hub := &acme.Client{BaseURL: s.url, APIKey: own.APIKey, Profile: profileOf(t, "hub")}
		mine, theirs := decoded(t, walk(t, own, acme.Appointments, everything), acme.DecodeAppointment), decoded(t, walk(t, hub, acme.Appointments, everything), acme.DecodeAppointment)
		require.Len(t, theirs, len(mine))
		for id, want := range mine {
			got, found := theirs[dialects.HubID(acme.Appointments, id)]
			require.True(t, found, id)
			require.Equal(t, hubAppointment(want), plainAppointment(got), id)
		}
		touches, theirTouches := decoded(t, walk(t, own, acme.Touchpoints, everything), acme.DecodeTouchpoint), decoded(t, walk(t, hub, acme.Touchpoints, everything), acme.DecodeTouchpoint)
		require.Len(t, theirTouches, len(touches))
		for id, want := range touches {
			got := theirTouches[dialects.HubID(acme.Touchpoints, id)]
			require.Equal(t, hubTouch(want), got, id)
		}
		contacts, theirContacts := decoded(t, walk(t, own, acme.Contacts, everything), acme.DecodeContact), decoded(t, walk(t, hub, acme.Contacts, everything), acme.DecodeContact)
		require.Len(t, theirContacts, len(contacts))
		for id, want := range contacts {
			got := theirContacts[dialects.HubID(acme.Contacts, id)]
			require.Equal(t, want.Name, got.Name)
			require.Equal(t, append([]string{}, want.Emails...), append([]string{}, got.Emails...))
			require.Equal(t, append([]string{}, want.Phones...), append([]string{}, got.Phones...))
			require.Equal(t, dialects.HubID(acme.Contacts, want.MergedInto), got.MergedInto)
			require.Equal(t, want.DeletedAt == nil, got.DeletedAt == nil)
			require.Equal(t, want.PrivacyDeletedAt == nil, got.PrivacyDeletedAt == nil)
		}
		users := decoded(t, walk(t, own, acme.Users, acme.ListQuery{}), acme.DecodeUser)
		for id, got := range decoded(t, walk(t, hub, acme.Users, acme.ListQuery{}), acme.DecodeUser) {
			want := users[dialects.FromHub(acme.Users, id)]
			require.Equal(t, []any{want.Name, want.Email, want.Active, want.TimeZone}, []any{got.Name, got.Email, got.Active, got.TimeZone})
		}
		account, err := hub.Account(t.Context())
		require.NoError(t, err)
		want, err := own.Account(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, account)
	})

	t.Run("pipe keeps instants, people and what happened", func(t *testing.T) {
		t.Parallel()
		pipe := &acme.Client{BaseURL: s.url, APIKey: own.APIKey, Profile: profileOf(t, "pipe")}
		mine := decoded(t, walk(t, own, acme.Appointments, everything), acme.DecodeAppointment)
		theirs := decoded(t, walk(t, pipe, acme.Appointments, everything), acme.DecodeAppointment)
		require.Len(t, theirs, len(mine))
		for id, want := range mine {
			got, found := theirs[number(dialects.Activity(acme.Appointments, id))]
			require.True(t, found, id)
			require.Equal(t, []any{want.Subject, want.NotesHTML, want.Status, want.IsPrivate, want.Location, want.ConferenceURL}, []any{got.Subject, got.NotesHTML, got.Status, got.IsPrivate, got.Location, got.ConferenceURL}, id)
			require.Equal(t, want.DeletedAt == nil, got.DeletedAt == nil)
			require.Len(t, got.ContactIDs, len(want.ContactIDs))
			if at, ok := instant(want.Start); ok {
				same, ok := instant(got.Start)
				require.True(t, ok, "%+v", got.Start)
				require.Equal(t, at.Truncate(time.Minute), same, id)
			}
		}
		touches := decoded(t, walk(t, own, acme.Touchpoints, everything), acme.DecodeTouchpoint)
		theirTouches := decoded(t, walk(t, pipe, acme.Touchpoints, everything), acme.DecodeTouchpoint)
		require.Len(t, theirTouches, len(touches))
		for id, want := range touches {
			got := theirTouches[number(dialects.Activity(acme.Touchpoints, id))]
			require.Equal(t, []any{want.Channel, want.Direction, want.EmailStatus, want.OutcomeID}, []any{got.Channel, got.Direction, got.EmailStatus, got.OutcomeID}, id)
			require.Equal(t, want.OccurredAt == nil, got.OccurredAt == nil)
			if want.OccurredAt != nil {
				require.Equal(t, want.OccurredAt.Truncate(time.Minute), *got.OccurredAt)
			}
		}
		contacts := walk(t, pipe, acme.Contacts, acme.ListQuery{})
		require.Len(t, contacts, len(walk(t, own, acme.Contacts, everything)))
	})

	for name, unknown := range map[string]map[acme.Resource]string{
		"":     {acme.Appointments: "apt_999999", acme.Touchpoints: "tpt_9999999", acme.Contacts: "con_999999", acme.Users: "usr_99"},
		"hub":  {acme.Appointments: "999999", acme.Touchpoints: "999999", acme.Contacts: "999999"},
		"pipe": {acme.Appointments: "999998", acme.Touchpoints: "999999", acme.Contacts: "999999"},
	} {
		t.Run("what the fetch lane relies on holds for "+cmp.Or(name, "Acme's own words"), func(t *testing.T) {
			t.Parallel()
			client := &acme.Client{BaseURL: s.url, APIKey: own.APIKey}
			if name != "" {
				client.Profile = profileOf(t, name)
			}
			acmetest.RunReads(t, acmetest.Reader{Client: client, Unknown: unknown})
		})
	}

	t.Run("a source field that the contract lacks is kept under custom", func(t *testing.T) {
		t.Parallel()
		pipe := &acme.Client{BaseURL: s.url, APIKey: own.APIKey, Profile: profileOf(t, "pipe")}
		page, err := pipe.List(t.Context(), acme.Appointments, acme.ListQuery{Limit: 1})
		require.NoError(t, err)
		var record struct {
			Custom map[string]any `json:"custom"`
		}
		require.NoError(t, json.Unmarshal(page.Items[0].Raw, &record))
		require.Equal(t, "meeting", record.Custom["type"])
		require.NotContains(t, record.Custom, "due_date")
	})
}

// hubAppointment is what an appointment is after Hub has said it.
func hubAppointment(a acme.Appointment) acme.Appointment {
	a.ID, a.OwnerID, a.SeriesID = dialects.HubID(acme.Appointments, a.ID), dialects.HubID(acme.Users, a.OwnerID), dialects.HubID(acme.Appointments, a.SeriesID)
	ids := []string{}
	for _, id := range a.ContactIDs {
		ids = append(ids, dialects.HubID(acme.Contacts, id))
	}
	a.ContactIDs = ids
	return plainAppointment(a)
}

// plainAppointment leaves out what Hub does not say, and says moments as instants.
func plainAppointment(a acme.Appointment) acme.Appointment {
	a.Version, a.Custom = 0, nil
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.Truncate(time.Millisecond), a.UpdatedAt.Truncate(time.Millisecond)
	if a.DeletedAt != nil {
		at := a.DeletedAt.Truncate(time.Millisecond)
		a.DeletedAt = &at
	}
	for _, m := range []**acme.Moment{&a.Start, &a.End, &a.OriginalStart} {
		if at, ok := instant(*m); ok {
			*m = &acme.Moment{DateTime: at.Format(time.RFC3339), TimeZone: (*m).TimeZone}
		}
	}
	if a.ContactIDs == nil {
		a.ContactIDs = []string{}
	}
	return a
}

func hubTouch(p acme.Touchpoint) acme.Touchpoint {
	p.ID, p.UserID, p.ContactID = dialects.HubID(acme.Touchpoints, p.ID), dialects.HubID(acme.Users, p.UserID), dialects.HubID(acme.Contacts, p.ContactID)
	p.LoggedAt, p.UpdatedAt = p.LoggedAt.Truncate(time.Millisecond), p.UpdatedAt.Truncate(time.Millisecond)
	p.Version = p.UpdatedAt.UnixMicro()
	for _, at := range []**time.Time{&p.OccurredAt, &p.DeletedAt} {
		if *at != nil {
			cut := (*at).Truncate(time.Millisecond)
			*at = &cut
		}
	}
	return p
}

// instant is when a moment is, the first time where clocks show it twice.
func instant(m *acme.Moment) (time.Time, bool) {
	if m == nil || m.DateTime == "" {
		return time.Time{}, false
	}
	if at, err := time.Parse(time.RFC3339, m.DateTime); err == nil {
		return at.UTC(), true
	}
	zone, err := time.LoadLocation(m.TimeZone)
	if err != nil {
		return time.Time{}, false
	}
	wall, err := time.Parse("2006-01-02T15:04:05", m.DateTime)
	if err != nil {
		return time.Time{}, false
	}
	var all []time.Time
	for _, side := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, seconds := wall.Add(side).In(zone).Zone()
		all = append(all, wall.Add(-time.Duration(seconds)*time.Second))
	}
	for _, at := range all {
		if at.In(zone).Format("2006-01-02T15:04:05") == m.DateTime {
			return at, true
		}
	}
	return all[0], true
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
