package mapping

import (
	"strings"
	"time"
)

// icalTime is a time as UNTIL and EXDATE have it.
type icalTime struct {
	wall     time.Time // its digits, as if in UTC
	dateOnly bool
	fixed    bool // it names an instant: at
	at       time.Time
}

// readICal reads a date or a time in RFC 5545's form ("20260601T140000Z", "TZID=Europe/Paris:20260601T160000") or in
// RFC 3339's ("2026-06-01", "2026-06-01T16:00:00+02:00"): CRMs write both.
func readICal(text string, z *zones) (icalTime, bool) {
	var zone *time.Location
	if rest, ok := strings.CutPrefix(text, "TZID="); ok {
		name, value, found := strings.Cut(rest, ":")
		if zone, ok = z.load(name); !ok || !found {
			return icalTime{}, false
		}
		text = value
	}
	text = extended(text)
	if day, ok := readDate(text); ok {
		return icalTime{wall: day, dateOnly: true}, true
	}
	r, ok := readTime(text)
	switch {
	case !ok:
		return icalTime{}, false
	case r.hasOffset:
		return icalTime{wall: r.wall, fixed: true, at: r.wall.Add(-r.offset)}, true
	case zone != nil:
		return icalTime{wall: r.wall, fixed: true, at: resolve(r.wall, zone).UTC()}, true
	}
	return icalTime{wall: r.wall}, true
}

// extended puts the dashes and colons into RFC 5545's basic form; anything else is left as it is.
func extended(text string) string {
	if len(text) < 8 || len(text) > 16 || strings.ContainsAny(text, "-:") {
		return text
	}
	date := text[:4] + "-" + text[4:6] + "-" + text[6:8]
	switch {
	case len(text) == 8:
		return date
	case len(text) >= 15 && (text[8] == 'T' || text[8] == 't'):
		return date + "T" + text[9:11] + ":" + text[11:13] + ":" + text[13:]
	}
	return text
}
