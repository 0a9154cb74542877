package accounts

import (
	"time"

	"acmesync/acme"
)

// Delete deletes a record softly; deleting it again changes nothing. Users cannot be deleted.
func (a *Account) Delete(resource acme.Resource, id string, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		raw, version, found := a.reader(resource).find(id, now)
		if !found || resource == acme.Users {
			return Written{}, 0, notFound("record")
		}
		var record any
		switch resource {
		case acme.Contacts:
			c := *a.contacts.rows[id].record
			if c.DeletedAt == nil {
				c.DeletedAt, c.UpdatedAt, c.Version = &now, now, version+1
				record = &c
			}
		case acme.Appointments:
			p := *a.appointments.rows[id].record
			if p.DeletedAt == nil {
				p.DeletedAt, p.UpdatedAt, p.Version = &now, now, version+1
				record = &p
			}
		default:
			t := *a.touchpoints.rows[id].record
			if t.DeletedAt == nil {
				t.DeletedAt, t.UpdatedAt, t.Version = &now, now, version+1
				record = &t
			}
		}
		if record == nil {
			return Written{Raw: raw, ID: id, Version: version, Replayed: true}, 0, nil
		}
		if err := matches(by.IfMatch, version); err != nil {
			return Written{}, 0, err
		}
		return a.commit(now, "delete", by, change{record, "deleted"})
	})
}
