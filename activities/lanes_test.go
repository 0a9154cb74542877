package activities_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

func externalID(acmeID string) string { return acmesync.ExternalID(acmesync.MainConnection, acmeID) }

func (w *world) scalar(t require.TestingT, query string, args ...any) int {
	var n int
	require.NoError(t, w.Super.Get(&n, query, args...))
	return n
}

// tick lets the time of all that was put off come.
func (w *world) tick(t *testing.T) {
	t.Helper()
	w.exec(t, `UPDATE envelopes SET due_at = now() WHERE ended_at IS NULL`)
	w.exec(t, `UPDATE cells SET due_at = now() WHERE due_at IS NOT NULL`)
}

func TestRefusedRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	tries := func(n int) func() bool {
		return func() bool { return w.scalar(t, `SELECT coalesce(max(tries), 0) FROM refusals`) == n }
	}
	set := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "appointments", id, appointment(fields))
		w.hook(t, acmesync.Appointments, id, 0)
	}

	t.Run("an item the app cannot take now is asked for more and more seldom, its neighbour arrives", func(t *testing.T) {
		w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("apt_busy")}})
		set(t, "apt_busy", nil)
		set(t, "apt_fine", nil)
		eventually(t, "the neighbour arrives", func() bool { return w.event(t, "apt_fine") != nil })
		for n := 1; n < 6; n++ {
			eventually(t, "it was tried again", tries(n))
			wait := acmesync.Again(n)
			require.Equal(t, time.Second<<n, wait)
			require.GreaterOrEqual(t, w.scalar(t, `SELECT extract(epoch FROM due_at - now())::int FROM envelopes WHERE lane = 'deliver' AND ended_at IS NULL`), int(wait.Seconds())-2)
			w.tick(t)
		}
	})
	t.Run("taken at last, it is forgotten", func(t *testing.T) {
		eventually(t, "it was tried again", tries(6))
		w.appFaults(t, map[string]any{})
		w.tick(t)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_busy") != nil })
		eventually(t, "nothing is refused", tries(0))
	})
	t.Run("refused again and again while others are taken, it parks, and the first sync is over", func(t *testing.T) {
		w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("apt_busy")}})
		set(t, "apt_busy", map[string]any{"subject": "Another subject"})
		set(t, "apt_fine", map[string]any{"subject": "Another subject"})
		for n := 1; n < 8; n++ {
			eventually(t, "it was tried again", tries(n))
			w.tick(t)
		}
		eventually(t, "it is parked", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.DestinationError)] == 1
		})
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM refusals`))
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL`))
	})
	t.Run("refused alone with nothing else to take, it parks later", func(t *testing.T) {
		w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("apt_lone")}})
		set(t, "apt_lone", nil)
		for n := 1; n < 12; n++ {
			eventually(t, "it was tried again", tries(n))
			w.tick(t)
		}
		eventually(t, "it is parked", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.DestinationError)] == 2
		})
	})
}

func TestRefusedCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	call := func(t *testing.T, id, user string) {
		t.Helper()
		now := time.Now().UTC().Format(time.RFC3339)
		w.put(t, "touchpoints", id, map[string]any{"channel": "call", "direction": "outbound", "user_id": user, "contact_id": "c", "occurred_at": now, "logged_at": now})
		w.hook(t, acmesync.Touchpoints, id, 0)
	}
	call(t, "tp_1", "usr_01")
	eventually(t, "it is counted", func() bool { return w.count(t) == 1 })

	t.Run("a count the app refuses is told, kept and sent again, others are sent", func(t *testing.T) {
		w.exec(t, `INSERT INTO cells (tenant, connection, user_id, day, channel, direction, n) VALUES ($1, 'main', 'u_gone', '2026-01-01', 'call', 'outbound', 1)`, tenant)
		call(t, "tp_2", "usr_01")
		eventually(t, "the other count is sent", func() bool { return w.count(t) == 2 })
		eventually(t, "the refused one is in the balance", func() bool {
			b := w.balance(t, acmesync.Touchpoints)
			return b.CountsRefused["unknown_user"] == 1 && !b.Balanced
		})
		require.Len(t, w.alerts.texts(), 1)
		w.tick(t)
		call(t, "tp_3", "usr_01")
		eventually(t, "it was sent again", func() bool { return w.scalar(t, `SELECT tries FROM cells WHERE user_id = 'u_gone'`) >= 2 })
		require.Len(t, w.alerts.texts(), 1, "once per count")
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM holds`))
	})
}

// count adds up what the app's dashboard shows.
func (w *world) count(t require.TestingT) int {
	client := &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
	totals, err := client.Totals(context.Background())
	require.NoError(t, err)
	return totals.Touchpoints
}

func TestUnreadableEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	waiting := func(t *testing.T, n int) {
		t.Helper()
		eventually(t, "pages wait", func() bool {
			return w.scalar(t, `SELECT count(*) FROM envelopes WHERE lane = 'deliver' AND ended_at IS NULL`) == n
		})
	}
	w.appFaults(t, map[string]any{"down": true})
	w.put(t, "appointments", "apt_lost", appointment(nil))
	w.poll(t)
	waiting(t, 1)
	w.exec(t, `UPDATE envelopes SET body = '\xdeadbeef' WHERE lane = 'deliver' AND ended_at IS NULL`)
	w.put(t, "appointments", "apt_fine", appointment(nil))
	w.poll(t)
	waiting(t, 2)
	w.exec(t, `UPDATE envelopes SET body = '\xdeadbeef' WHERE lane = 'deliver' AND ended_at IS NULL AND id = (SELECT min(id::text)::uuid FROM envelopes WHERE lane = 'deliver' AND ended_at IS NULL)`)
	w.appFaults(t, map[string]any{})
	w.exec(t, `UPDATE holds SET next_at = now()`)

	t.Run("an envelope that does not open is tried again, its neighbours go on", func(t *testing.T) {
		eventually(t, "the neighbour arrives", func() bool { return w.event(t, "apt_fine") != nil })
		waiting(t, 1)
	})
	t.Run("then it is parked as it came, told once, and what it had brought is read again", func(t *testing.T) {
		eventually(t, "it is parked", func() bool {
			w.tick(t)
			return w.scalar(t, `SELECT count(*) FROM parked WHERE code = 'unreadable' AND field = 'envelope' AND acme_id LIKE 'raw:%' AND closed_at IS NULL`) == 1
		})
		eventually(t, "its record was read by id and is in the app", func() bool {
			w.tick(t)
			read := w.scalar(t, `SELECT count(*) FROM arrivals WHERE way = 'hint' AND 'apt_lost' = ANY (ids)`)
			return read == 1 && w.event(t, "apt_lost") != nil
		})
		require.Len(t, w.alerts.texts(), 1)
		waiting(t, 0)
	})
}
