package crm_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/manifest"
)

func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})
	const id, base = "coral-realty", "/b/coral-realty"

	newest := func(s *sandbox, r acme.Resource) acme.Item {
		all := s.walk(id, r, 200)
		return all[len(all)-1]
	}
	day := time.Now().AddDate(0, 0, 30).Format(time.DateOnly)

	t.Run("an appointment is set, moved, canceled, deleted and brought back", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		page := s.post(b, base+"/appointments", http.StatusOK, "subject", "Viewing <1> 🏠", "date", day, "start_time", "09:00", "end_time", "09:30", "contact_ids", "con_000002")
		require.Contains(t, page, "Viewing &lt;1&gt; 🏠")
		a, err := acme.DecodeAppointment(newest(s, acme.Appointments).Raw)
		require.NoError(t, err)
		require.Equal(t, &acme.Moment{DateTime: day + "T09:00:00", TimeZone: "Australia/Sydney"}, a.Start)
		require.Equal(t, []string{"usr_01", "user"}, []string{a.OwnerID, a.Origin})

		one := base + "/appointments/" + a.ID
		s.post(b, one, http.StatusOK, "version", "1", "subject", "Viewing", "owner_id", "usr_02", "date", day, "start_time", "14:00", "end_time", "15:00", "time_zone", "Australia/Adelaide")
		moved, err := acme.DecodeAppointment(newest(s, acme.Appointments).Raw)
		require.NoError(t, err)
		require.Equal(t, "Australia/Adelaide", moved.Start.TimeZone)
		require.Equal(t, int64(2), moved.Version)
		require.Contains(t, s.post(b, one, http.StatusConflict, "version", "1", "subject", "Late", "date", day, "start_time", "14:00", "end_time", "15:00"), "changed since")

		s.post(b, one+"/cancel", http.StatusOK)
		s.post(b, one+"/delete", http.StatusOK)
		gone := newest(s, acme.Appointments)
		require.True(t, gone.Deleted)
		require.Contains(t, s.post(b, one+"/undelete", http.StatusOK), "canceled")
	})
	t.Run("a bad form comes back with what is wrong and nothing is written", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		before := s.totals(id)
		page := s.post(b, base+"/appointments", http.StatusUnprocessableEntity, "subject", "Typed already", "date", day, "start_time", "10:00", "end_time", "09:00")
		require.Contains(t, page, "before_start")
		require.Contains(t, page, "Typed already")
		require.Equal(t, before, s.totals(id))
	})
	t.Run("a spoiled appointment is put right by hand", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		var list struct {
			Appointments []manifest.Entry `json:"appointments"`
		}
		s.admin(http.MethodGet, id+"/manifest", nil, &list)
		for _, entry := range list.Appointments {
			if entry.Kind != manifest.Park {
				continue
			}
			response, err := b.Get(s.url + base + "/appointments/" + entry.ID)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode, entry)
			s.post(b, base+"/appointments/"+entry.ID, http.StatusOK, "subject", "Put right", "owner_id", "usr_01", "date", day, "start_time", "11:00", "end_time", "12:00", "time_zone", "Australia/Sydney")
		}
		require.Zero(t, park(s.totals(id)))
	})
	t.Run("calls and emails are logged and deleted", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_02")
		before := s.totals(id).CountableTouchpoints
		s.post(b, base+"/touchpoints", http.StatusOK, "channel", "call", "direction", "outbound", "minutes", "7", "contact_id", "con_000002", "occurred_at", "2026-01-05T23:58")
		made, err := acme.DecodeTouchpoint(newest(s, acme.Touchpoints).Raw)
		require.NoError(t, err)
		require.Equal(t, int64(420_000), *made.DurationMS)
		require.Equal(t, "2026-01-05T13:28:00Z", made.OccurredAt.Format(time.RFC3339), "by the user's own clock, in Adelaide")
		s.post(b, base+"/touchpoints", http.StatusOK, "channel", "email", "direction", "inbound", "email_status", "forwarded")
		require.Equal(t, before+2, s.totals(id).CountableTouchpoints)
		s.post(b, base+"/touchpoints/"+made.ID+"/delete", http.StatusOK)
		require.Equal(t, before+1, s.totals(id).CountableTouchpoints)
	})
	t.Run("a contact's phone is changed", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		s.post(b, base+"/contacts", http.StatusOK, "name", "New Person", "phones", "0491 570 156\r\n\r\n 0491 570 157 ")
		made := newest(s, acme.Contacts)
		s.post(b, base+"/contacts/"+made.ID, http.StatusOK, "version", "1", "name", "New Person", "phones", "0491 570 110")
		changed, err := acme.DecodeContact(newest(s, acme.Contacts).Raw)
		require.NoError(t, err)
		require.Equal(t, []string{"0491 570 110"}, changed.Phones)
	})
	t.Run("switches are set by hand", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		s.post(b, base+"/faults", http.StatusOK, "down", "1", "rate_5xx_percent", "25", "storm_429", "1", "retry_after", "3", "webhook_drop_percent", "50")
		got := string(s.call(http.MethodGet, "/admin/accounts/"+id+"/faults", "", nil).body)
		require.Contains(t, got, `"down":true`)
		require.Contains(t, got, `"rate_5xx":0.25`)
		require.Contains(t, got, `"retry_after":"3"`)
		s.post(b, base+"/faults", http.StatusOK)
		s.post(b, base+"/import", http.StatusOK, "n", "5", "kind", "contacts")
	})
	t.Run("every page shows, none without a name, none to another site", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		for _, path := range []string{"/", base, base + "?owner=all&day=2026-03-29", base + "?day=nonsense", base + "/appointments/new", base + "/touchpoints", base + "/contacts?q=smith", base + "/contacts/con_000001", base + "/webhooks", base + "/faults", "/style.css"} {
			response, err := b.Get(s.url + path)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode, path)
		}
		stranger := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: deadline}
		s.post(stranger, base+"/appointments", http.StatusSeeOther, "subject", "x")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+base+"/faults", strings.NewReader("down=1"))
		require.NoError(t, err)
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		response, err := b.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusForbidden, response.StatusCode)
	})
	t.Run("forms have names that stay", func(t *testing.T) {
		s := s.as(t)
		b := s.browser("usr_01")
		response, err := b.Get(s.url + base + "/appointments/new")
		require.NoError(t, err)
		page := new(strings.Builder)
		require.NoError(t, response.Write(page))
		require.NoError(t, response.Body.Close())
		for _, name := range []string{"subject", "owner_id", "date", "start_time", "end_time", "end_date", "time_zone", "all_day", "is_private", "contact_ids", "location", "conference_url", "status", "notes_html"} {
			require.Regexp(t, `name="`+name+`" id="`+name+`"`, page.String())
		}
	})
}
