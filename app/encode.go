package app

import (
	"strconv"
	"unicode/utf8"
)

// The encoders write what encoding/json would write for the same value, except that <, > and &
// stay as they are. They are by hand because the deliver lane encodes every record it writes:
// BenchmarkEncode shows the difference, FuzzEncode that nothing else differs.

func appendList[T any](b []byte, name string, items []T, one func([]byte, *T) []byte) []byte {
	b = append(b, `{"`...)
	b = append(b, name...)
	b = append(b, `":[`...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &items[i])
	}
	return append(b, "]}"...)
}

// AppendEvent appends e as JSON.
func AppendEvent(b []byte, e *Event) []byte {
	b = appendField(b, `{"external_id":`, e.ExternalID)
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, e.Revision, 10)
	b = appendVersion(b, e.IfVersion)
	if e.AllowDuplicate {
		b = append(b, `,"allow_duplicate":true`...)
	}
	b = appendField(b, `,"owner_id":`, e.OwnerID)
	b = appendField(b, `,"title":`, e.Title)
	b = appendOptional(b, `,"description":`, e.Description)
	b = append(b, `,"start":`...)
	b = appendMoment(b, &e.Start)
	b = append(b, `,"end":`...)
	b = appendMoment(b, &e.End)
	b = appendField(b, `,"status":`, e.Status)
	b = appendOptional(b, `,"outcome":`, e.Outcome)
	b = appendField(b, `,"visibility":`, e.Visibility)
	b = appendOptional(b, `,"location":`, e.Location)
	b = appendOptional(b, `,"conference_url":`, e.ConferenceURL)
	for i := range e.Attendees {
		if i == 0 {
			b = append(b, `,"attendees":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendField(b, `{"name":`, e.Attendees[i].Name)
		b = appendOptional(b, `,"email":`, e.Attendees[i].Email)
		b = appendOptional(b, `,"phone":`, e.Attendees[i].Phone)
		b = append(b, '}')
	}
	if len(e.Attendees) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendMoment(b []byte, m *Moment) []byte {
	open := len(b)
	b = appendOptional(b, `,"date_time":`, m.DateTime)
	b = appendOptional(b, `,"time_zone":`, m.TimeZone)
	b = appendOptional(b, `,"date":`, m.Date)
	if len(b) == open {
		return append(b, "{}"...)
	}
	b[open] = '{' // in place of the first comma
	return append(b, '}')
}

func appendEventRef(b []byte, r *EventRef) []byte {
	b = appendField(b, `{"external_id":`, r.ExternalID)
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, r.Revision, 10)
	b = appendVersion(b, r.IfVersion)
	return append(b, '}')
}

func appendVersion(b []byte, version int64) []byte {
	if version == 0 {
		return b
	}
	return strconv.AppendInt(append(b, `,"if_version":`...), version, 10)
}

// AppendCount appends c as JSON.
func AppendCount(b []byte, c *Count) []byte {
	b = appendField(b, `{"user_id":`, c.UserID)
	b = appendField(b, `,"day":`, c.Day)
	b = appendField(b, `,"channel":`, c.Channel)
	b = appendField(b, `,"direction":`, c.Direction)
	b = append(b, `,"count":`...)
	b = strconv.AppendInt(b, int64(c.Count), 10)
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, c.Revision, 10)
	return append(b, '}')
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, name, value)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	return appendString(b, value)
}

// appendString quotes s. Invalid UTF-8 becomes U+FFFD, and the two line separators that older
// JavaScript cannot bear are escaped, both as encoding/json does.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if (r == utf8.RuneError && size == 1) || r == '\u2028' || r == '\u2029' {
				b = append(b, s[from:i]...)
				b = append(b, `\u`...)
				b = append(b, hex[r>>12&0xf], hex[r>>8&0xf], hex[r>>4&0xf], hex[r&0xf])
				from = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&0xf])
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
