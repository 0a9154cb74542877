package activities_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/control"
	"acmesync/preview"

	"github.com/stretchr/testify/require"
)

func (w *world) look(t *testing.T, draft string) preview.Result {
	t.Helper()
	result, err := w.control(t).Preview(t.Context(), tenant, control.PreviewRequest{Document: []byte(draft), Sample: 50})
	require.NoError(t, err)
	require.False(t, result.Partial)
	return result
}

func TestPreviewFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.put(t, "appointments", "apt_bad", appointment(map[string]any{"owner_id": nil, "end": nil, "status": "maybe"}))
	w.put(t, "appointments", "apt_end", appointment(map[string]any{"end": nil}))
	w.put(t, "appointments", "apt_good", appointment(nil))
	result := w.look(t, `{}`)
	a := totalsOf(result, acmesync.Appointments)
	t.Run("a record with several faults counts once, by the first, and in each of its faults", func(t *testing.T) {
		require.ElementsMatch(t, []preview.Reason{
			{Code: acmesync.OwnerMissing, Field: "owner_id", Records: 1}, {Code: acmesync.EndMissing, Field: "end", Records: 1},
		}, a.Park)
		require.Equal(t, preview.Reason{Code: acmesync.EndMissing, Field: "end", Records: 2}, a.Faults[0])
		require.Len(t, a.Faults, 3)
		require.Equal(t, a.Records, a.Create+2)
	})
	t.Run("its sample shows every failing field", func(t *testing.T) {
		for _, s := range result.Samples {
			if s.AcmeID != "apt_bad" {
				continue
			}
			var fields []string
			for _, f := range s.Faults {
				fields = append(fields, f.Field)
			}
			require.Equal(t, []string{"owner_id", "end", "status"}, fields)
			return
		}
		require.Fail(t, "it is no sample")
	})
}

func TestPreviewCollisions(t *testing.T) {
	t.Parallel()
	same := string(acmesync.SameAppointment)
	// five of one appointment, over three pages, and one beside them
	staged := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, acmesync.Config{PollSeconds: 3600, PageSize: 2})
		for n := range 5 {
			w.put(t, "appointments", fmt.Sprint("apt_", n), appointment(map[string]any{"subject": fmt.Sprint("Number ", n),
				"updated_at": time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Second).UTC()}))
		}
		w.put(t, "appointments", "apt_beside", appointment(map[string]any{"owner_id": "usr_02"}))
		return w
	}
	for _, collision := range []acmesync.Collision{acmesync.CollideUpsert, acmesync.CollideIgnore} {
		draft := fmt.Sprintf(`{"poll_seconds":3600,"page_size":2,"appointments":{"collision":%q,"business_key":true}}`, collision)
		t.Run("before the first sync it tells what the lanes will do with "+string(collision), func(t *testing.T) {
			t.Parallel()
			w := staged(t)
			result := w.look(t, draft)
			a := totalsOf(result, acmesync.Appointments)
			require.Equal(t, []int{6, 2}, []int{a.Records, a.Create})
			require.Equal(t, []preview.Reason{{Code: acmesync.SameAppointment, Records: 4}}, a.Skip)
			shown := map[string]preview.Outcome{}
			for _, s := range result.Samples {
				shown[s.AcmeID] = s.Outcome
			}
			w.configure(t, w.control(t), draft)
			w.run(t)
			eventually(t, "the lanes have done it", func() bool { return w.balance(t, acmesync.Appointments).Skipped[same] == 4 })
			w.settled(t)
			for id, outcome := range shown {
				require.Equal(t, outcome == preview.Create, w.event(t, id) != nil, id)
			}
		})
	}
	t.Run("of events that are there, it tells which would be taken out", func(t *testing.T) {
		t.Parallel()
		w := staged(t)
		w.run(t)
		eventually(t, "all are there", func() bool { return w.balance(t, acmesync.Appointments).InStep == 6 })
		a := totalsOf(w.look(t, `{"poll_seconds":3600,"page_size":2,"appointments":{"business_key":true}}`), acmesync.Appointments)
		require.Equal(t, []preview.Reason{{Code: acmesync.SameAppointment, Records: 4}}, a.Remove)
		require.Equal(t, []int{0, 2}, []int{a.Create, a.Leave})
	})
	t.Run("where each is to have its event nothing collides", func(t *testing.T) {
		t.Parallel()
		a := totalsOf(staged(t).look(t, `{"appointments":{"collision":"create","business_key":true}}`), acmesync.Appointments)
		require.Equal(t, 6, a.Create)
	})
}
