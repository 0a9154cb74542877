package manifest

import (
	"time"

	"acmesync/acme"
)

// clockSlack is how far a touch-point may lie after the moment it was written down.
const clockSlack = 24 * time.Hour

// Touchpoint lists the touch-point if it must not be counted. Deleted ones are never listed.
func (j *Judge) Touchpoint(t *acme.Touchpoint) (Entry, bool) {
	switch {
	case t.DeletedAt != nil:
		return Entry{}, false
	case t.OccurredAt == nil:
		return park(t.ID, OccurredMissing, "Nobody knows when it happened.")
	case t.UserID == "":
		return park(t.ID, UserMissing, "Nobody knows who did it.")
	case t.OccurredAt.Sub(t.LoggedAt) > clockSlack:
		return park(t.ID, OccurredAfterLogged, "It was logged more than a day before it happened.")
	case t.Direction == acme.Internal:
		return skip(t.ID, InternalNotCounted, "Colleagues among themselves are no touch-point.")
	case t.EmailStatus == "bounced":
		return skip(t.ID, BouncedNotCounted, "The mail never reached the customer.")
	case !j.Staff.InApp(t.UserID):
		return skip(t.ID, UserUnmatched, "Its user has no user in the calendar app.")
	}
	return Entry{}, false
}
