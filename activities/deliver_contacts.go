package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

// contactsOf finds which of Acme's contacts the attendees are, in their order: by e-mail, else by phone; empty where nobody knows
// or nobody can tell which, and the note says that there is such a one.
func (r *round) contactsOf(ctx context.Context, attendees []app.Attendee) (ids []string, note acmesync.Code, err error) {
	if len(attendees) == 0 {
		return nil, "", nil
	}
	reaches := make([]acmesync.Reach, len(attendees))
	for i, a := range attendees {
		reaches[i] = r.rules.ReachOf(a)
	}
	found, err := r.TwoWay.ContactsReached(ctx, r.fence, reaches)
	if err != nil {
		return nil, "", err
	}
	ids = make([]string, len(attendees))
	for i, f := range found {
		id, many := f.Contact()
		switch ids[i] = id; {
		case many:
			note = acmesync.AttendeeAmbiguous
		case id == "" && note == "":
			note = acmesync.AttendeeUnknown
		}
	}
	return ids, note, nil
}
