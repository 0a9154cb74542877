package activities_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/control"
	"acmesync/egress"
	"acmesync/preview"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// away is Temporal when nobody needs it: the lanes of these tests run by themselves.
type away struct{}

func (away) StartTenant(context.Context, acmesync.TenantID) error          { return nil }
func (away) Ring(context.Context, acmesync.TenantID) error                 { return nil }
func (away) NoticeReview(context.Context, acmesync.TenantID, string) error { return nil }
func (away) Nudge(context.Context, acmesync.TenantID, string, workflows.CommandInput) error {
	return nil
}

func (w *world) control(t *testing.T) *control.Control {
	t.Helper()
	c := control.New(w.DB, away{}, egress.Policy{AllowPrivate: true}, zap.NewNop())
	t.Cleanup(c.Later.Wait)
	return c
}

// writes counts the events and counts that the app was sent, whatever it made of them: it takes one that changes nothing as well.
func (w *world) writes(t *testing.T) int {
	t.Helper()
	var all struct {
		Events map[string]int `json:"events"`
		Counts map[string]int `json:"counts"`
	}
	w.call(t, http.MethodGet, w.appURL+"/admin/workspaces/"+w.workspace+"/writes", "", nil, &all)
	sent := 0
	for _, items := range []map[string]int{all.Events, all.Counts} {
		for _, n := range items {
			sent += n
		}
	}
	return sent
}

func (w *world) configure(t *testing.T, c *control.Control, patch string) control.Configuration {
	t.Helper()
	answer, err := c.EditConfig(t.Context(), tenant, control.ConfigEdit{Patch: []byte(patch), Actor: "test"})
	require.NoError(t, err)
	return answer
}

// settled waits until every stream was read to its end and nothing of it is left.
func (w *world) settled(t *testing.T) {
	t.Helper()
	eventually(t, "all was read again", func() bool {
		return w.scalar(t, `SELECT count(*) FROM positions WHERE backfilled_at IS NULL`) == 0
	})
	w.quiet(t)
}

// staged puts 12 appointments of which 5 are private and 2 cannot be carried over, and 3 calls of which one was among colleagues.
func (w *world) staged(t *testing.T) {
	t.Helper()
	for n := range 12 {
		fields := map[string]any{"subject": fmt.Sprintf("Visit %d", n), "is_private": n < 5}
		if n >= 10 {
			fields["end"] = nil
		}
		w.put(t, "appointments", fmt.Sprintf("apt_%02d", n), appointment(fields))
	}
	for n, direction := range []string{"inbound", "outbound", "internal"} {
		w.put(t, "touchpoints", fmt.Sprintf("tch_%d", n), map[string]any{
			"channel": "call", "direction": direction, "user_id": "usr_01", "occurred_at": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
		})
	}
}

func totalsOf(r preview.Result, s acmesync.Stream) preview.Totals {
	for _, one := range r.Streams {
		if one.Stream == s {
			return one
		}
	}
	return preview.Totals{}
}

func TestNewRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	c := w.control(t)
	w.staged(t)
	const showPrivate = `{"appointments":{"scope":{"private":"full"}}}`
	look := func(t *testing.T, draft string) preview.Result {
		t.Helper()
		result, err := c.Preview(t.Context(), tenant, control.PreviewRequest{Document: []byte(draft)})
		require.NoError(t, err)
		require.False(t, result.Partial)
		return result
	}

	t.Run("before the first sync a preview tells what it will bring", func(t *testing.T) {
		a := totalsOf(look(t, `{}`), acmesync.Appointments)
		require.Equal(t, []int{12, 10, 0}, []int{a.Records, a.Create, a.Update})
		require.Equal(t, []preview.Reason{{Code: acmesync.EndMissing, Field: "end", Records: 2}}, a.Park)
		p := totalsOf(look(t, `{}`), acmesync.Touchpoints)
		require.Equal(t, []any{3, 2, []preview.Reason{{Code: acmesync.InternalNotCounted, Field: "direction", Records: 1}}}, []any{p.Records, p.Create, p.Skip})
		require.Zero(t, w.writes(t))
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM people`)+w.scalar(t, `SELECT count(*) FROM envelopes`)+w.scalar(t, `SELECT count(*) FROM known`))
	})
	w.run(t)
	w.settled(t)
	base := w.writes(t)

	t.Run("a preview tells exactly what new rules change, from what the app shows, and writes nothing", func(t *testing.T) {
		state := func() string {
			var sum string
			require.NoError(t, w.Super.Get(&sum, `SELECT coalesce(md5(string_agg(l::text, '|' ORDER BY stream, acme_id)), '') FROM ledger l`))
			return fmt.Sprint(sum, w.scalar(t, `SELECT count(*) FROM envelopes`), w.scalar(t, `SELECT count(*) FROM audit`), w.scalar(t, `SELECT count(*) FROM parked`))
		}
		before := state()
		result := look(t, `{"poll_seconds":3600,"appointments":{"scope":{"private":"full"}},"touchpoints":{"count_internal":true}}`)
		a, p := totalsOf(result, acmesync.Appointments), totalsOf(result, acmesync.Touchpoints)
		require.Equal(t, []int{12, 0, 5, 5}, []int{a.Records, a.Create, a.Update, a.Leave})
		require.Equal(t, []int{3, 1, 0, 2}, []int{p.Records, p.Create, p.Update, p.Leave})
		var shown preview.Sample
		for _, s := range result.Samples {
			if s.AcmeID == "apt_00" {
				shown = s
			}
		}
		require.Equal(t, preview.Update, shown.Outcome)
		require.Contains(t, fmt.Sprint(shown.Changes), "{title Busy Visit 0}")
		require.Equal(t, before, state())
		require.Equal(t, base, w.writes(t))
	})
	t.Run("applied, they are delivered to exactly the records they change", func(t *testing.T) {
		answer := w.configure(t, c, showPrivate)
		require.Equal(t, []acmesync.Stream{acmesync.Appointments}, answer.Plan.ReadAgain)
		w.settled(t)
		eventually(t, "the private ones are shown", func() bool { return w.event(t, "apt_04").Title == "Visit 4" })
		w.quiet(t)
		require.Equal(t, base+5, w.writes(t))
		require.EqualValues(t, 2, w.balance(t, acmesync.Appointments).Parked[string(acmesync.EndMissing)], "tried again, and parked again")
		base = w.writes(t)
	})
	t.Run("how often Acme is asked changes no record and reads none again", func(t *testing.T) {
		walked := w.scalar(t, `SELECT count(*) FROM positions WHERE backfilled_at IS NULL`)
		answer := w.configure(t, c, `{"poll_seconds":1800}`)
		require.Empty(t, answer.Plan.ReadAgain)
		require.Equal(t, walked, w.scalar(t, `SELECT count(*) FROM positions WHERE backfilled_at IS NULL`))
		w.quiet(t)
		require.Equal(t, base, w.writes(t))
	})
	t.Run("live changes arrive while all is read again", func(t *testing.T) {
		w.configure(t, c, `{"appointments":{"scope":{"private":"busy"}}}`)
		w.put(t, "appointments", "apt_live", appointment(map[string]any{"subject": "Just now"}))
		w.hook(t, acmesync.Appointments, "apt_live", 0)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_live") != nil })
		w.settled(t)
		eventually(t, "the private ones are busy again", func() bool { return w.event(t, "apt_00").Title == "Busy" })
		w.quiet(t)
		require.Equal(t, base+6, w.writes(t))
	})
	t.Run("a second reading under the same rules writes nothing", func(t *testing.T) {
		base = w.writes(t)
		_, err := w.Apply(t.Context(), tenant, acmesync.Command{ID: "again", Name: acmesync.Rewalk, Actor: "test"})
		require.NoError(t, err)
		w.settled(t)
		require.Equal(t, base, w.writes(t))
	})
}

// Rules that are taken back while a round under them is on its way to the app leave no trace, though its commit is refused.
func TestRulesTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	c := w.control(t)
	w.staged(t)
	w.run(t)
	w.settled(t)
	title := func() string {
		if e := w.event(t, "apt_00"); e != nil {
			return e.Title
		}
		return ""
	}
	require.Equal(t, "Busy", title())
	for range 2 {
		w.appFaults(t, map[string]any{"answer_lost_after_commit": true})
		w.configure(t, c, `{"appointments":{"scope":{"private":"full"}}}`)
		eventually(t, "the new rules have reached the app, and nobody knows", func() bool { return title() == "Visit 0" })
		w.configure(t, c, `{"appointments":{"scope":{"private":null}}}`)
		w.appFaults(t, map[string]any{})
		w.exec(t, `UPDATE holds SET next_at = now()`)
		w.settled(t)
		eventually(t, "the old rules hold again", func() bool { return title() == "Busy" })
		w.quiet(t)
		require.Equal(t, "Busy", title())
		require.Equal(t, 10, w.scalar(t, `SELECT count(*) FROM ledger WHERE stream = 'appointments' AND state = 'in_step' AND mapped IS NOT NULL`))
	}
}
