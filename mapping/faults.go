package mapping

import (
	"encoding/json"
	"errors"
	"strings"

	"acmesync"
	"acmesync/acme"
)

// maxFaults bounds what is told of one record.
const maxFaults = 20

// Faults tells all that is wrong with a record that Record parks, where Record stops at the first. That one comes first here too.
func (r *Rules) Faults(stream acmesync.Stream, item acme.Item, contacts map[string]acme.Contact, staff Staff, on Occasion) []acmesync.Fault {
	_, first := r.Record(stream, item, contacts, staff, on)
	var faults []acmesync.Fault
	told := map[string]bool{}
	for _, err := range append([]error{first}, r.allWrong(stream, item, contacts, staff, on)...) {
		if err == nil || len(faults) == maxFaults {
			continue
		}
		state, why, _ := Verdict(err)
		if state == acmesync.Parked && !told[why.Field] { // a field that cannot be read is no field that is missing too
			told[why.Field] = true
			faults = append(faults, why)
		}
	}
	return faults
}

// allWrong tells nothing of a record that makes it panic: that is the defect that Record tells of.
func (r *Rules) allWrong(stream acmesync.Stream, item acme.Item, contacts map[string]acme.Contact, staff Staff, on Occasion) (all []error) {
	defer func() {
		if p := recover(); p != nil {
			all = nil
		}
	}()
	switch {
	case len(item.Raw) > MaxRecordBytes:
		return nil
	case stream == acmesync.Touchpoints:
		t, wrong, ok := readable(item.Raw, acme.DecodeTouchpoint)
		if !ok {
			return wrong
		}
		return append(wrong, r.wrongTouchpoint(t, staff)...)
	}
	a, wrong, ok := readable(item.Raw, acme.DecodeAppointment)
	if !ok {
		return wrong
	}
	return append(wrong, r.wrongAppointment(a, named(a, contacts), staff, on)...)
}

func (r *Rules) wrongAppointment(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion) []error {
	on.Delivered = true
	when := times(a, staff.zones, r.settings)
	all := r.wrong(a, when, staff)
	if a.SeriesID != "" && a.SeriesID != a.ID {
		if _, err := r.Original(a, staff); err != nil {
			all = append(all, err)
		}
	}
	if len(when.faults) > 0 {
		return all // the rules below read times
	}
	e, err := r.appointment(a, contacts, staff, on)
	if err == nil {
		all = append(all, r.fields.apply(&e, r.source(a, contacts, staff), maxFaults)...)
	}
	if a.Recurrence != nil {
		if _, err := expand(a, Window{From: when.from, Until: when.from}, staff.zones, r.settings); err != nil {
			all = append(all, err)
		}
	}
	return all
}

// readable decodes a record without the fields that it cannot be decoded with, and tells of those; ok: something is left.
func readable[T any](raw []byte, decode func([]byte) (T, error)) (record T, wrong []error, ok bool) {
	for len(wrong) < maxFaults {
		record, err := decode(raw)
		if err == nil {
			return record, wrong, true
		}
		wrong = append(wrong, err)
		var bad *acme.Error
		var fields map[string]json.RawMessage
		if !errors.As(err, &bad) || json.Unmarshal(raw, &fields) != nil {
			break
		}
		name, _, _ := strings.Cut(bad.Field, ".")
		name, _, _ = strings.Cut(name, "[")
		if _, there := fields[name]; !there {
			break
		}
		delete(fields, name)
		if raw, err = json.Marshal(fields); err != nil {
			break
		}
	}
	return record, wrong, false
}
