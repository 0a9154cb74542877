package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

// contactsOf finds which of Acme's contacts the attendees are, in their order: by e-mail, else by phone. Empty where nobody is
// known, or where nobody can tell which of many.
func (r *round) contactsOf(ctx context.Context, attendees []app.Attendee) (ids []string, many []bool, err error) {
	if len(attendees) == 0 {
		return nil, nil, nil
	}
	reaches := make([]acmesync.Reach, len(attendees))
	for i, a := range attendees {
		reaches[i] = r.rules.ReachOf(a)
	}
	found, err := r.TwoWay.ContactsReached(ctx, r.fence, reaches)
	if err != nil {
		return nil, nil, err
	}
	ids, many = make([]string, len(attendees)), make([]bool, len(attendees))
	for i, f := range found {
		ids[i], many[i] = f.Contact()
	}
	return ids, many, nil
}
