package acme

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// MaxRecordBytes bounds one record; a larger one is Malformed with CodeTooLarge.
const MaxRecordBytes = 1 << 20

// The decoders take one record as Acme sent it and refuse, as Malformed with the path of the field, what they can't
// take whole: broken JSON, a known key twice, a value of the wrong type. Keys match in exact case. Unknown keys are
// skipped, null counts as absent. Whether text such as a status or a zone means anything is for the mapping to say.

// DecodeAppointment reads one appointment.
func DecodeAppointment(raw []byte) (Appointment, error) {
	var a Appointment
	err := decode("decode appointment", raw, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "id":
			return s.once(0) && s.id(&a.ID)
		case "version":
			return s.once(1) && s.integer(&a.Version)
		case "status":
			return s.once(2) && s.text((*string)(&a.Status))
		case "subject":
			return s.once(3) && s.text(&a.Subject)
		case "notes_html":
			return s.once(4) && s.text(&a.NotesHTML)
		case "start":
			return s.once(5) && s.moment(&a.Start)
		case "end":
			return s.once(6) && s.moment(&a.End)
		case "is_private":
			return s.once(7) && s.boolean(&a.IsPrivate)
		case "owner_id":
			return s.once(8) && s.id(&a.OwnerID)
		case "contact_ids":
			return s.once(9) && s.ids(&a.ContactIDs)
		case "location":
			return s.once(10) && s.text(&a.Location)
		case "conference_url":
			return s.once(11) && s.text(&a.ConferenceURL)
		case "series_id":
			return s.once(12) && s.id(&a.SeriesID)
		case "original_start":
			return s.once(13) && s.moment(&a.OriginalStart)
		case "recurrence":
			return s.once(14) && s.recurrence(&a.Recurrence)
		case "external_ref":
			return s.once(15) && s.text(&a.ExternalRef)
		case "origin":
			return s.once(16) && s.text(&a.Origin)
		case "created_at":
			return s.once(17) && s.instant(&a.CreatedAt)
		case "updated_at":
			return s.once(18) && s.instant(&a.UpdatedAt)
		case "deleted_at":
			return s.once(19) && s.optionalInstant(&a.DeletedAt)
		case "custom":
			return s.once(20) && s.rawObject(&a.Custom)
		}
		return s.skip()
	})
	if err == nil {
		err = keys("decode appointment", a.ID, a.Version, a.UpdatedAt)
	}
	if err != nil {
		return Appointment{}, err
	}
	return a, nil
}

// DecodeTouchpoint reads one touch-point.
func DecodeTouchpoint(raw []byte) (Touchpoint, error) {
	var p Touchpoint
	err := decode("decode touch-point", raw, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "id":
			return s.once(0) && s.id(&p.ID)
		case "version":
			return s.once(1) && s.integer(&p.Version)
		case "channel":
			return s.once(2) && s.text((*string)(&p.Channel))
		case "direction":
			return s.once(3) && s.text((*string)(&p.Direction))
		case "user_id":
			return s.once(4) && s.id(&p.UserID)
		case "contact_id":
			return s.once(5) && s.id(&p.ContactID)
		case "occurred_at":
			return s.once(6) && s.optionalInstant(&p.OccurredAt)
		case "logged_at":
			return s.once(7) && s.instant(&p.LoggedAt)
		case "duration_ms":
			return s.once(8) && s.optionalInteger(&p.DurationMS)
		case "outcome_id":
			return s.once(9) && s.id(&p.OutcomeID)
		case "email_status":
			return s.once(10) && s.text(&p.EmailStatus)
		case "updated_at":
			return s.once(11) && s.instant(&p.UpdatedAt)
		case "deleted_at":
			return s.once(12) && s.optionalInstant(&p.DeletedAt)
		}
		return s.skip()
	})
	if err == nil {
		err = keys("decode touch-point", p.ID, p.Version, p.UpdatedAt)
	}
	if err != nil {
		return Touchpoint{}, err
	}
	return p, nil
}

// DecodeContact reads one contact.
func DecodeContact(raw []byte) (Contact, error) {
	var c Contact
	err := decode("decode contact", raw, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "id":
			return s.once(0) && s.id(&c.ID)
		case "version":
			return s.once(1) && s.integer(&c.Version)
		case "name":
			return s.once(2) && s.text(&c.Name)
		case "emails":
			return s.once(3) && s.texts(&c.Emails)
		case "phones":
			return s.once(4) && s.texts(&c.Phones)
		case "merged_into":
			return s.once(5) && s.id(&c.MergedInto)
		case "privacy_deleted_at":
			return s.once(6) && s.optionalInstant(&c.PrivacyDeletedAt)
		case "deleted_at":
			return s.once(7) && s.optionalInstant(&c.DeletedAt)
		case "created_at":
			return s.once(8) && s.instant(&c.CreatedAt)
		case "updated_at":
			return s.once(9) && s.instant(&c.UpdatedAt)
		}
		return s.skip()
	})
	if err == nil {
		err = keys("decode contact", c.ID, c.Version, c.UpdatedAt)
	}
	if err != nil {
		return Contact{}, err
	}
	return c, nil
}

// DecodeUser reads one user.
func DecodeUser(raw []byte) (User, error) {
	var u User
	err := decode("decode user", raw, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "id":
			return s.once(0) && s.id(&u.ID)
		case "version":
			return s.once(1) && s.integer(&u.Version)
		case "name":
			return s.once(2) && s.text(&u.Name)
		case "email":
			return s.once(3) && s.text(&u.Email)
		case "active":
			return s.once(4) && s.boolean(&u.Active)
		case "time_zone":
			return s.once(5) && s.text(&u.TimeZone)
		case "updated_at":
			return s.once(6) && s.instant(&u.UpdatedAt)
		}
		return s.skip()
	})
	if err == nil {
		err = keys("decode user", u.ID, u.Version, u.UpdatedAt)
	}
	if err != nil {
		return User{}, err
	}
	return u, nil
}

func (s *scanner) moment(dst **Moment) bool {
	if s.null() {
		return true
	}
	if s.peek() != '{' {
		return s.mismatch()
	}
	m := new(Moment)
	*dst = m
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "date_time":
			return s.once(0) && s.text(&m.DateTime)
		case "time_zone":
			return s.once(1) && s.text(&m.TimeZone)
		case "date":
			return s.once(2) && s.text(&m.Date)
		}
		return s.skip()
	})
}

// rawObject keeps an object as it stands.
func (s *scanner) rawObject(dst *json.RawMessage) bool {
	if s.null() {
		return true
	}
	if s.peek() != '{' {
		return s.mismatch()
	}
	from := s.pos
	if !s.skip() {
		return false
	}
	*dst = bytes.Clone(s.data[from:s.pos])
	return true
}

func (s *scanner) recurrence(dst **Recurrence) bool {
	if s.null() {
		return true
	}
	if s.peek() != '{' {
		return s.mismatch()
	}
	r := new(Recurrence)
	*dst = r
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "rrule":
			return s.once(0) && s.text(&r.RRule)
		case "exdates":
			return s.once(1) && s.texts(&r.ExDates)
		}
		return s.skip()
	})
}

func (s *scanner) optionalInteger(dst **int64) bool {
	if s.null() {
		return true
	}
	var n int64
	if !s.integer(&n) {
		return false
	}
	*dst = &n
	return true
}

// decode runs a strict pass over one JSON object.
func decode(op string, raw []byte, field func(s *scanner, key []byte) bool) error {
	if len(raw) > MaxRecordBytes {
		return malformed(op, CodeTooLarge, "")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		return malformed(op, CodeInvalidUTF8, "")
	}
	s := scanner{data: raw, limit: maxRecordDepth}
	switch s.peek() {
	case 0:
		if s.pos == len(raw) {
			return malformed(op, CodeEmptyBody, "")
		}
		return malformed(op, CodeMalformedJSON, "")
	case '{':
		if s.object(func(key []byte) bool { return field(&s, key) }) && s.end() {
			return nil
		}
	default:
		if s.skip() && s.end() {
			s.fail(CodeWrongShape)
		}
	}
	return malformed(op, s.code, s.path)
}

// keys wants what every record needs to be told from its earlier self.
func keys(op, id string, version int64, updated time.Time) error {
	switch {
	case id == "":
		return malformed(op, CodeMissingField, "id")
	case version < 0:
		return malformed(op, CodeNumberRange, "version")
	case version == 0:
		return malformed(op, CodeMissingField, "version")
	case updated.IsZero():
		return malformed(op, CodeMissingField, "updated_at")
	}
	return nil
}

func malformed(op, code, field string) error {
	return &Error{Kind: KindMalformed, Op: op, Code: code, Field: field}
}
