package mapping

import (
	"errors"
	"fmt"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// MaxRecordBytes bounds one record.
const MaxRecordBytes = 1 << 20

// Counterpart is what a record comes to in the app: an event, the events of a series, or a fact.
type Counterpart struct {
	Event  *app.Event // without ExternalID and Revision, as those of Series
	Series *Series
	Fact   *acmesync.Fact
	// Place is the instance of a series that an exception stands for, as "<master's id>/<original start>" in its two halves. It is
	// told of one that is left out as well: the instance is not where the series has it.
	Place *acmesync.Instance
}

// Record maps one record as Acme wrote it. The contacts are by the id that records name, merges already followed. Errors are for
// Verdict to sort; a panic is one of them: a defect of ours with this record, and the process lives.
func (r *Rules) Record(stream acmesync.Stream, item acme.Item, contacts map[string]acme.Contact, staff Staff, o Occasion) (c Counterpart, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mapping panicked: %v", p)
		}
	}()
	if len(item.Raw) > MaxRecordBytes {
		return c, &acmesync.Fault{Code: acmesync.TooLarge, Message: "The record is larger than 1 MB. Shorten it in Acme."}
	}
	if stream == acmesync.Touchpoints {
		t, err := acme.DecodeTouchpoint(item.Raw)
		if err != nil {
			return c, err
		}
		fact, err := r.Touchpoint(t, staff, o)
		return Counterpart{Fact: &fact}, err
	}
	a, err := acme.DecodeAppointment(item.Raw)
	if err != nil {
		return c, err
	}
	found := named(a, contacts)
	if a.Recurrence != nil {
		series, err := r.Series(a, found, staff, o)
		return Counterpart{Series: &series}, err
	}
	if a.SeriesID != "" && a.SeriesID != a.ID {
		original, err := r.Original(a, staff)
		if err != nil {
			return c, err
		}
		c.Place = &acmesync.Instance{Series: a.SeriesID, Original: original, Holder: a.ID}
	}
	event, err := r.Appointment(a, found, staff, o)
	if err == nil {
		c.Event = &event
	}
	return c, err
}

// named are the contacts of an appointment that are known, in its order.
func named(a acme.Appointment, contacts map[string]acme.Contact) []acme.Contact {
	found := make([]acme.Contact, 0, len(a.ContactIDs))
	for _, id := range a.ContactIDs {
		if contact, ok := contacts[id]; ok {
			found = append(found, contact)
		}
	}
	return found
}

// Verdict sorts what kept a record from having a counterpart: it is skipped or parked, for the fault's reason. Defect says that
// the failure is ours.
func Verdict(err error) (state acmesync.LedgerState, why acmesync.Fault, defect bool) {
	var skip *Skip
	var fault *acmesync.Fault
	var malformed *acme.Error
	switch {
	case errors.As(err, &skip):
		return acmesync.Skipped, acmesync.Fault{Code: skip.Code, Field: skip.Field}, false
	case errors.As(err, &fault):
		return acmesync.Parked, *fault, false
	case errors.As(err, &malformed):
		return acmesync.Parked, acmesync.Fault{Code: acmesync.Unreadable, Field: malformed.Field,
			Message: "This field is not what Acme's contract says. Have the record repaired in Acme, or retry once it is."}, false
	}
	return acmesync.Parked, acmesync.Fault{Code: acmesync.InternalDefect,
		Message: "acmesync itself failed on this record. It is reported; retry after the next release."}, true
}
