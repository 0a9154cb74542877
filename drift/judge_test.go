package drift_test

import (
	"slices"
	"strings"
	"testing"

	"acmesync"
	"acmesync/acme"
	"acmesync/drift"

	"github.com/stretchr/testify/require"
)

// story is what looks at one stream leave, as the database keeps it.
type story struct {
	t     *testing.T
	state acmesync.DriftState
	told  []string // field and finding, once each time they begin
}

func newStory(t *testing.T) *story {
	t.Helper()
	return &story{t: t, state: acmesync.DriftState{Stream: acmesync.Appointments}}
}

func (s *story) look(record string, n int) *story {
	s.t.Helper()
	sample := sampleOf(s.t, acme.Appointments, slices.Repeat([]string{record}, n)...)
	look := drift.Judge(s.state, sample)
	open := look.Clean
	for _, d := range look.Seen {
		d.Clean = 0
		open = append(open, d)
		if !slices.ContainsFunc(s.state.Open, func(o acmesync.Drift) bool { return o.Field == d.Field && o.Finding == d.Finding }) {
			s.told = append(s.told, d.Field+" "+string(d.Finding))
		}
	}
	s.state.Fields, s.state.Open = look.Fields, open
	return s
}

func (s *story) open() []string {
	var all []string
	for _, d := range s.state.Open {
		all = append(all, d.Field+" "+string(d.Finding))
	}
	return all
}

func TestJudge(t *testing.T) {
	t.Parallel()
	renamed := strings.Replace(sound, `"subject":`, `"headline":`, 1)
	t.Run("what is sound says nothing", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, newStory(t).look(sound, 20).look(sound, 1).told)
	})
	t.Run("each of the four findings, once", func(t *testing.T) {
		t.Parallel()
		s := newStory(t).look(sound, 20)
		for range 3 {
			s.look(strings.Replace(renamed, `"is_private":false`, `"is_private":"no","status":"tentative"`, 1), 20)
		}
		require.ElementsMatch(t, []string{"headline unknown_field", "subject field_gone", "is_private type_changed", "status unknown_word"}, s.told)
	})
	t.Run("it changes back once twenty records do not show it, and is news again", func(t *testing.T) {
		t.Parallel()
		s := newStory(t).look(sound, 20).look(renamed, 20).look(sound, 19)
		require.Len(t, s.open(), 2)
		require.Empty(t, s.look(sound, 1).open())
		require.Equal(t, []string{"headline unknown_field", "subject field_gone", "headline unknown_field", "subject field_gone"}, s.look(renamed, 20).told)
	})
	t.Run("a few records without a field are no drift", func(t *testing.T) {
		t.Parallel()
		s := newStory(t).look(sound, 20)
		for range 5 {
			s.look(renamed, 1)
		}
		require.Equal(t, []string{"headline unknown_field"}, s.told)
		require.Contains(t, s.look(renamed, 1).told, "subject field_gone")
	})
	t.Run("a field that is often left out is not gone", func(t *testing.T) {
		t.Parallel()
		s := newStory(t).look(with(`"location":"Room 1"`), 15).look(sound, 5).look(sound, 20).look(sound, 20)
		require.Empty(t, s.told)
	})
	t.Run("what was gone stays gone, however long", func(t *testing.T) {
		t.Parallel()
		s := newStory(t).look(sound, 20)
		for range 200 {
			s.look(renamed, 20)
		}
		require.ElementsMatch(t, []string{"headline unknown_field", "subject field_gone"}, s.open())
		require.Len(t, s.told, 2)
	})
	t.Run("a stream that was never seen with a field does not miss it", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"headline unknown_field"}, newStory(t).look(renamed, 20).look(renamed, 20).told)
	})
	t.Run("history has an end", func(t *testing.T) {
		t.Parallel()
		s := newStory(t)
		for range 200 {
			s.look(sound, 20)
		}
		require.Less(t, s.state.Fields["subject"].Of, int64(1100))
	})
	t.Run("every finding has a sentence without values", func(t *testing.T) {
		t.Parallel()
		for _, f := range []acmesync.DriftFinding{acmesync.UnknownField, acmesync.FieldGone, acmesync.TypeChanged, acmesync.UnknownWord} {
			require.Contains(t, drift.Sentence(acmesync.Drift{Stream: acmesync.Appointments, Field: "start.time_zone", Finding: f}), "start.time_zone")
		}
	})
}
