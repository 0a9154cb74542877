package accounts

import (
	"encoding/json"
	"fmt"
	"time"

	"acmesync/acme"
)

// Put lays the given fields over a record, or makes it if there is none, without checking anything:
// how a spoiled record comes into a CRM. Version and id stay Acme's, and updated_at where it is not given: a clock that was
// wrong leaves records of any time.
func (a *Account) Put(resource acme.Resource, id string, fields []byte, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, version, found := a.reader(resource).find(id, now)
		event := "updated"
		if !found {
			event = "created"
			old = fmt.Appendf(nil, `{"contact_ids":[],"emails":[],"phones":[],"status":"scheduled","subject":"","created_at":%q,"logged_at":%[1]q}`, now.Format(time.RFC3339Nano))
		}
		fixed := map[string]any{"id": id, "version": version + 1}
		var given struct {
			UpdatedAt *time.Time `json:"updated_at"`
		}
		if err := json.Unmarshal(fields, &given); err != nil || given.UpdatedAt == nil {
			fixed["updated_at"] = now
		}
		merged, err := overlay(old, fields, fixed)
		if err != nil {
			return Written{}, 0, invalid([]FieldError{{"body", "malformed"}})
		}
		var record any
		switch resource {
		case acme.Users:
			record = new(acme.User)
		case acme.Contacts:
			record = new(acme.Contact)
		case acme.Appointments:
			record = new(acme.Appointment)
		default:
			record = new(acme.Touchpoint)
		}
		if err := json.Unmarshal(merged, record); err != nil {
			return Written{}, 0, &Refusal{Code: "invalid", Message: "The fields do not fit the record: " + err.Error()}
		}
		return a.commit(now, "import", by, change{record, event})
	})
}

func overlay(old, fields []byte, fixed map[string]any) ([]byte, error) {
	all := map[string]any{}
	for _, layer := range [][]byte{old, fields} {
		if err := json.Unmarshal(layer, &all); err != nil {
			return nil, fmt.Errorf("overlay fields: %w", err)
		}
	}
	for name, value := range fixed {
		all[name] = value
	}
	return json.Marshal(all)
}
