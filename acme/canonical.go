package acme

import (
	"maps"
	"slices"
	"time"
)

// fieldKind is what a canonical field holds.
type fieldKind int

const (
	textField fieldKind = iota
	integerField
	boolField
	textsField
	instantField
	momentField
	lengthField // milliseconds
	objectField // passes as it came
)

type canonicalField struct {
	name string
	kind fieldKind
}

// canonicalFields are the fields of Acme's contract, in the order in which they are written.
func canonicalFields(r Resource) []canonicalField {
	switch r {
	case Appointments:
		return []canonicalField{
			{"id", textField}, {"version", integerField}, {"status", textField}, {"subject", textField}, {"notes_html", textField},
			{"start", momentField}, {"end", momentField}, {"is_private", boolField}, {"owner_id", textField}, {"contact_ids", textsField},
			{"location", textField}, {"conference_url", textField}, {"series_id", textField}, {"original_start", momentField},
			{"recurrence", objectField}, {"recurrence.rrule", textField}, {"recurrence.exdates", textsField},
			{"external_ref", textField}, {"origin", textField}, {"created_at", instantField}, {"updated_at", instantField}, {"deleted_at", instantField},
		}
	case Touchpoints:
		return []canonicalField{
			{"id", textField}, {"version", integerField}, {"channel", textField}, {"direction", textField}, {"user_id", textField},
			{"contact_id", textField}, {"occurred_at", instantField}, {"logged_at", instantField}, {"duration_ms", lengthField},
			{"outcome_id", textField}, {"email_status", textField}, {"updated_at", instantField}, {"deleted_at", instantField},
		}
	case Contacts:
		return []canonicalField{
			{"id", textField}, {"version", integerField}, {"name", textField}, {"emails", textsField}, {"phones", textsField},
			{"merged_into", textField}, {"privacy_deleted_at", instantField}, {"deleted_at", instantField},
			{"created_at", instantField}, {"updated_at", instantField},
		}
	default:
		return []canonicalField{
			{"id", textField}, {"version", integerField}, {"name", textField}, {"email", textField}, {"active", boolField},
			{"time_zone", textField}, {"updated_at", instantField},
		}
	}
}

func accountFields() []canonicalField {
	return []canonicalField{{"id", textField}, {"name", textField}, {"time_zone", textField}, {"region", textField}}
}

func subscriptionFields() []canonicalField {
	return []canonicalField{
		{"id", textField}, {"url", textField}, {"status", textField}, {"disabled_reason", textField}, {"secret", textField},
		{"created_at", instantField},
	}
}

func eventFields() []canonicalField {
	return []canonicalField{
		{"event_id", textField}, {"account_id", textField}, {"type", textField}, {"object_id", textField}, {"version", integerField},
		{"occurred_at", instantField}, {"attempt", integerField}, {"origin", textField},
	}
}

// record turns what a tenant's Acme sends into the canonical form.
type record struct {
	fields []compiledField
	rest   bool // what no field takes goes under custom
}

type compiledField struct {
	canonicalField
	source source
}

// canonical writes one record as Acme's contract has it: known fields in a fixed order, then custom, which holds what no
// field has taken. The same record gives the same bytes. A record without a version takes that of its updated_at.
func (r *record) canonical(tree map[string]any) []byte {
	out := make(map[string]any, len(r.fields))
	for i := range r.fields {
		f := &r.fields[i]
		if value := f.source.read(f.kind, tree, out); value != nil {
			out[f.name] = value
		}
	}
	r.settleDeleted(tree, out)
	joinRecurrence(out)
	if at, ok := out["updated_at"].(string); ok && r.rest && out["version"] == nil {
		if t, ok := parseInstant([]byte(at)); ok {
			out["version"] = t.UnixMicro()
		}
	}
	if r.rest {
		for _, f := range r.fields {
			f.source.remove(tree)
		}
		custom, _ := tree["custom"].(map[string]any)
		if custom != nil {
			delete(tree, "custom")
			maps.Copy(tree, custom)
		}
		if len(tree) > 0 {
			out["custom"] = tree
		}
	}
	return r.encode(out)
}

// settleDeleted gives a record whose flag says that it is deleted a time of deletion.
func (r *record) settleDeleted(tree, out map[string]any) {
	for i := range r.fields {
		s := &r.fields[i].source
		if r.fields[i].name != "deleted_at" || s.spec.Flag == "" {
			continue
		}
		if deleted, _ := boolean(s.flag.first(tree)).(bool); !deleted {
			delete(out, "deleted_at")
		} else if out["deleted_at"] == nil {
			out["deleted_at"] = out["updated_at"]
		}
	}
}

// joinRecurrence makes a recurrence of the two fields that may stand for it.
func joinRecurrence(out map[string]any) {
	rule, exdates := out["recurrence.rrule"], out["recurrence.exdates"]
	delete(out, "recurrence.rrule")
	delete(out, "recurrence.exdates")
	if rule == nil {
		return
	}
	recurrence := map[string]any{"rrule": rule}
	if exdates != nil {
		recurrence["exdates"] = exdates
	}
	out["recurrence"] = recurrence
}

func (r *record) encode(out map[string]any) []byte {
	b := append(make([]byte, 0, 1024), '{')
	field := func(name string) {
		value, there := out[name]
		if !there {
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), name...), `":`...)
		b = appendValue(b, value)
	}
	for i := range r.fields {
		field(r.fields[i].name)
	}
	field("custom")
	return append(b, '}')
}

// item makes an item of one record as it came. One that cannot be read has no id, and keeps what came for a person to see.
func (r *record) item(window []byte) Item {
	s := scanner{data: window, limit: maxRecordDepth}
	value, ok := s.tree()
	tree, isObject := value.(map[string]any)
	if ok && isObject && len(window) <= MaxRecordBytes {
		read := scanner{data: r.canonical(tree), limit: maxPageDepth}
		if item, sound := read.item(); sound {
			return item
		}
	}
	return Item{Raw: slices.Concat([]byte(`{"unreadable":`), window, []byte{'}'})}
}

// micros is an instant in the canonical form.
func micros(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }
