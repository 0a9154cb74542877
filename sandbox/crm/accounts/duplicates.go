package accounts

import "acmesync/acme"

// duplicateKeys are the keys of which two live appointments must not share one when the second is made. What stands for an instance of
// a series doubles nothing: its series may well begin where it does.
func duplicateKeys(p *acme.Appointment) []string {
	if p.DeletedAt != nil || p.Status == acme.Canceled || p.Start == nil || p.OwnerID == "" || p.SeriesID != "" {
		return nil
	}
	keys := make([]string, 0, len(p.ContactIDs))
	for _, contact := range p.ContactIDs {
		keys = append(keys, p.OwnerID+"|"+p.Start.DateTime+p.Start.Date+"|"+p.Start.TimeZone+"|"+contact)
	}
	return keys
}

func (a *Account) duplicateOf(p *acme.Appointment) (id string, found bool) {
	for _, key := range duplicateKeys(p) {
		if id, found := a.duplicates[key]; found && id != p.ID {
			return id, true
		}
	}
	return "", false
}

func (a *Account) noteDuplicates(p *acme.Appointment) {
	for _, key := range duplicateKeys(p) {
		a.duplicates[key] = p.ID
	}
}

func (a *Account) forgetDuplicates(id string) {
	old, found := a.appointments.rows[id]
	if !found {
		return
	}
	for _, key := range duplicateKeys(old.record) {
		if a.duplicates[key] == id {
			delete(a.duplicates, key)
		}
	}
}
