package acme

import (
	"bytes"
	"unicode/utf8"
)

// ParseEvents reads the body of a delivery whose signature is proven: an array of events, each beside its raw bytes.
// An element that is no usable event (a known key twice or of the wrong type, no type, no object_id) comes as the zero
// Event beside its raw bytes, so that it can be parked and its neighbours go on. A body that is no such array at all is
// Malformed. The raw bytes are windows on body.
func ParseEvents(body []byte) (events []Event, raw [][]byte, err error) {
	const op = "parse events"
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) {
		return nil, nil, malformed(op, CodeInvalidUTF8, "")
	}
	s := scanner{data: body, limit: maxRecordDepth}
	switch s.peek() {
	case 0:
		if s.pos == len(body) {
			return nil, nil, malformed(op, CodeEmptyBody, "")
		}
		return nil, nil, malformed(op, CodeMalformedJSON, "")
	case '[':
	default:
		if s.skip() && s.end() {
			s.fail(CodeWrongShape)
		}
		return nil, nil, malformed(op, s.code, s.path)
	}
	ok := s.array(func(int) bool {
		from := s.pos
		if !s.skip() {
			return false
		}
		one := s.data[from:s.pos:s.pos]
		event, err := decodeEvent(one)
		if err != nil {
			event = Event{}
		}
		events, raw = append(events, event), append(raw, one)
		return true
	}) && s.end()
	if !ok {
		return nil, nil, malformed(op, s.code, s.path)
	}
	if len(events) == 0 {
		return nil, nil, malformed(op, CodeWrongShape, "")
	}
	return events, raw, nil
}

func decodeEvent(raw []byte) (Event, error) {
	const op = "decode event"
	var e Event
	var attempt int64
	err := decode(op, raw, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "event_id":
			return s.once(0) && s.id(&e.EventID)
		case "account_id":
			return s.once(1) && s.id(&e.AccountID)
		case "type":
			return s.once(2) && s.id(&e.Type)
		case "object_id":
			return s.once(3) && s.id(&e.ObjectID)
		case "version":
			return s.once(4) && s.integer(&e.Version)
		case "occurred_at":
			return s.once(5) && s.instant(&e.OccurredAt)
		case "attempt":
			return s.once(6) && s.integer(&attempt)
		case "origin":
			return s.once(7) && s.text(&e.Origin)
		}
		return s.skip()
	})
	switch {
	case err != nil:
		return Event{}, err
	case e.Type == "":
		return Event{}, malformed(op, CodeMissingField, "type")
	case e.ObjectID == "":
		return Event{}, malformed(op, CodeMissingField, "object_id")
	case e.Version < 0:
		return Event{}, malformed(op, CodeNumberRange, "version")
	}
	e.Attempt = int(attempt)
	return e, nil
}
