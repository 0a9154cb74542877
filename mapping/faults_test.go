package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	rules := compiled(t, acmesync.Config{
		People: acmesync.PeopleRules{UnmatchedOwner: acmesync.UnmatchedPark},
		Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{
			{Target: "title", CEL: `custom.name`}, {Target: "location", CEL: `custom.room`},
		}},
	}, settings())
	const head = `{"id":"apt_1","version":1,"updated_at":"2026-01-01T00:00:00Z",`
	for _, c := range []struct {
		fact   string
		stream acmesync.Stream
		raw    string
		faults []string
	}{
		{"owner, times and status, each by its own field", acmesync.Appointments,
			head + `"owner_id":"usr_9","start":{"date_time":"2026-06-01T09:00:00","time_zone":"Mars/Olympus"},"status":"maybe"}`,
			[]string{"owner_unmatched owner_id", "end_missing end", "time_zone_unknown start.time_zone", "unreadable status"}},
		{"fields that cannot be read, and what else is wrong", acmesync.Appointments,
			head + `"subject":7,"location":{},"owner_id":"usr_9","start":{"date":"2026-06-01"},"end":{"date":"2026-06-01"},"status":"scheduled"}`,
			[]string{"unreadable subject", "unreadable location", "owner_unmatched owner_id", "end_before_start end"}},
		{"a field that cannot be read is no missing one too", acmesync.Appointments,
			head + `"owner_id":"usr_1","start":"noon","end":{"date":"2026-06-01"},"status":"scheduled"}`,
			[]string{"unreadable start"}},
		{"every rule of the tenant's that cannot be followed", acmesync.Appointments,
			head + `"owner_id":"usr_1","start":{"date":"2026-06-01"},"end":{"date":"2026-06-02"},"status":"scheduled","custom":{}}`,
			[]string{"mapping_failed title", "mapping_failed location"}},
		{"a series with a rule that cannot be read, and no owner", acmesync.Appointments,
			head + `"start":{"date":"2026-06-01"},"end":{"date":"2026-06-02"},"status":"scheduled","recurrence":{"rrule":"FREQ=SOMETIMES"},"custom":{"name":"A","room":"B"}}`,
			[]string{"owner_missing owner_id", "recurrence_invalid recurrence.rrule"}},
		{"a touch-point of nobody, at no time, by no channel", acmesync.Touchpoints,
			head + `"channel":"fax","direction":"sideways","logged_at":"2026-01-01T00:00:00Z"}`,
			[]string{"unreadable channel", "unreadable direction", "user_missing user_id", "occurred_missing occurred_at"}},
		{"what is no record at all", acmesync.Appointments, `[]`, []string{"unreadable "}},
	} {
		t.Run(c.fact, func(t *testing.T) {
			t.Parallel()
			item := acme.Item{ID: "apt_1", Version: 1, Raw: []byte(c.raw)}
			var told []string
			faults := rules.Faults(c.stream, item, nil, staff(), occasion())
			for _, f := range faults {
				told = append(told, string(f.Code)+" "+f.Field)
				require.NotEmpty(t, f.Message)
			}
			require.ElementsMatch(t, c.faults, told)
			_, err := rules.Record(c.stream, item, nil, staff(), occasion())
			require.ErrorContains(t, err, "")
			require.Equal(t, c.faults[0], told[0], "the first is what it parks with")
		})
	}
	t.Run("what is left out on purpose has none", func(t *testing.T) {
		t.Parallel()
		item := acme.Item{ID: "tp_1", Version: 1, Raw: []byte(head + `"channel":"call","direction":"internal","logged_at":"2026-01-01T00:00:00Z"}`)}
		_, err := rules.Record(acmesync.Touchpoints, item, nil, staff(), occasion())
		require.ErrorContains(t, err, string(acmesync.InternalNotCounted))
	})
}
