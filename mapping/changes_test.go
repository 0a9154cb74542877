package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/app"
	"acmesync/mapping"
)

func TestChangedFields(t *testing.T) {
	t.Parallel()
	event := app.Event{
		ExternalID: "acme/main/apt_1", Revision: 7, OwnerID: "u-grace", Title: "Cleaning",
		Start:     app.Moment{DateTime: "2026-06-01T08:00:00Z", TimeZone: "Europe/Zurich"},
		End:       app.Moment{DateTime: "2026-06-01T09:00:00Z", TimeZone: "Europe/Zurich"},
		Attendees: []app.Attendee{{Name: "Ann Lee", Phone: "+12125550123"}},
	}
	t.Run("the same event has not changed, whatever its revision", func(t *testing.T) {
		t.Parallel()
		other := event
		other.ExternalID, other.Revision = "", 8
		require.Empty(t, mapping.ChangedFields(event, other))
	})
	t.Run("each field is named with both its values", func(t *testing.T) {
		t.Parallel()
		other := event
		other.Title, other.Location = "Cleaning, Ann Lee", "Room 1"
		other.End = app.Moment{Date: "2026-06-02"}
		other.Attendees = []app.Attendee{{Name: "Ann Lee", Email: "ann@mail.example"}, {Name: "Bo"}}
		require.Equal(t, []mapping.FieldChange{
			{Field: "title", Before: "Cleaning", After: "Cleaning, Ann Lee"},
			{Field: "end", Before: "2026-06-01T09:00:00Z Europe/Zurich", After: "2026-06-02"},
			{Field: "location", Before: "", After: "Room 1"},
			{Field: "attendees", Before: "Ann Lee, +12125550123", After: "Ann Lee, ann@mail.example; Bo"},
		}, mapping.ChangedFields(event, other))
	})
	t.Run("every field that holds something is looked at", func(t *testing.T) {
		t.Parallel()
		all := app.Event{
			OwnerID: "u", Title: "t", Description: "d", Start: app.Moment{Date: "2026-06-01"}, End: app.Moment{Date: "2026-06-02"},
			Status: "confirmed", Outcome: "completed", Visibility: "full", Location: "l", ConferenceURL: "c",
			Attendees: []app.Attendee{{Name: "a"}},
		}
		require.Len(t, mapping.ChangedFields(app.Event{}, all), 11)
	})
}
