package activities_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestBackfillLeavesTheLiveShareAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, PageSize: 1})
	for n := range 40 { // each page names a contact nobody has read
		contact := fmt.Sprintf("con_%02d", n)
		w.put(t, "contacts", contact, map[string]any{"name": "Anna", "emails": []string{contact + "@example.test"}})
		w.put(t, "appointments", fmt.Sprintf("apt_%02d", n), appointment(map[string]any{"contact_ids": []string{contact}}))
	}
	c, err := w.Connection(t.Context(), tenant)
	require.NoError(t, err)
	require.NoError(t, w.LearnBudget(t.Context(), c.LimitOwner, 400, 24*time.Hour, 0))
	w.run(t)
	// Of the 60 that are given out at once half is kept for live; what was leased and not used yet is not in the row any more.
	eventually(t, "the backfill waits for its budget", func() bool {
		return w.scalar(t, `SELECT count(*) FROM budgets WHERE tokens < 31`) == 1 && w.scalar(t, `SELECT count(*) FROM ledger`) > 5
	})
	w.put(t, "appointments", "apt_39", appointment(map[string]any{"subject": "Live", "contact_ids": []string{"con_39"}}))
	w.hook(t, acmesync.Appointments, "apt_39", 0)
	eventually(t, "a hint gets through", func() bool { e := w.event(t, "apt_39"); return e != nil && e.Title == "Live" })
	require.Less(t, w.scalar(t, `SELECT count(*) FROM ledger`), 40)
}
