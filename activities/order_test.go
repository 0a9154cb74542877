package activities_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// history is what happens to one appointment in Acme: made, changed twice, deleted, undeleted.
func history(id string) []json.RawMessage {
	made := time.Now().Add(-time.Hour).UTC()
	start := made.Add(24 * time.Hour).Truncate(time.Hour)
	var versions []json.RawMessage
	for n, subject := range []string{"made", "changed", "changed again", "deleted", "undeleted"} {
		record := map[string]any{
			"id": id, "version": n + 1, "status": "scheduled", "subject": subject, "start": moment(start), "end": moment(start.Add(time.Hour)),
			"is_private": false, "owner_id": "usr_01", "contact_ids": []string{}, "origin": "user",
			"created_at": made, "updated_at": made.Add(time.Duration(n) * time.Second),
		}
		if subject == "deleted" {
			record["deleted_at"] = made.Add(time.Duration(n) * time.Second)
		}
		raw, err := json.Marshal(record)
		if err != nil {
			panic(err)
		}
		versions = append(versions, raw)
	}
	return versions
}

// However the versions of a record arrive, in whatever order, by whichever way, together or apart, some of them several times:
// the app has what the newest one says.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	records := 0
	rapid.Check(t, func(t *rapid.T) {
		records++
		id := fmt.Sprintf("apt_order_%d", records)
		happened := history(id)[:rapid.IntRange(1, 5).Draw(t, "happened")]
		arrivals := rapid.Permutation(append(rapid.SliceOfN(rapid.IntRange(0, len(happened)-1), 0, 4).Draw(t, "again"), indexes(len(happened))...)).Draw(t, "arrivals")
		for len(arrivals) > 0 {
			n := rapid.IntRange(1, len(arrivals)).Draw(t, "together")
			var page []json.RawMessage
			for _, version := range arrivals[:n] {
				page = append(page, happened[version])
			}
			w.store(t, acmesync.Appointments, rapid.SampledFrom([]acmesync.Way{acmesync.ByPoll, acmesync.ByHint}).Draw(t, "way"), page...)
			arrivals = arrivals[n:]
			if rapid.Bool().Draw(t, "in a round of its own") {
				w.quiet(t)
			}
		}
		w.quiet(t)
		newest := []string{"made", "changed", "changed again", "", "undeleted"}[len(happened)-1]
		event := w.event(t, id)
		if newest == "" {
			require.Nil(t, event)
			return
		}
		require.NotNil(t, event)
		require.Equal(t, newest, event.Title)
	})
	b := w.balance(t, acmesync.Appointments)
	require.EqualValues(t, records, b.Known)
	require.True(t, b.Balanced, "%+v", b)
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestGoneAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	versions := history("apt_gone")
	w.store(t, acmesync.Appointments, acmesync.ByPoll, versions[0])
	eventually(t, "it arrives", func() bool { return w.event(t, "apt_gone") != nil })
	w.hook(t, acmesync.Appointments, "apt_gone", 2) // Acme does not have it
	eventually(t, "it is removed", func() bool { return w.event(t, "apt_gone") == nil })
	t.Run("a page that was read before does not bring it back", func(t *testing.T) {
		w.store(t, acmesync.Appointments, acmesync.ByPoll, versions[0])
		w.quiet(t)
		require.Nil(t, w.event(t, "apt_gone"))
	})
	t.Run("a read by id does", func(t *testing.T) {
		w.store(t, acmesync.Appointments, acmesync.ByHint, versions[0])
		eventually(t, "it is back", func() bool { return w.event(t, "apt_gone") != nil })
	})
}
