package mapping

import (
	"strings"
	"time"

	"acmesync/app"
)

const (
	maxShiftDays    = 366
	maxShiftMinutes = 7 * 24 * 60
	maxTemplate     = 4_000 // characters
	maxSources      = 20
)

// joinStep puts texts one after the other and leaves out those that are empty.
func joinStep(a *arguments) step {
	sources := a.sources("sources")
	separator, given := a.optional("separator", 100)
	if !given {
		separator = ", "
	}
	return func(r *record, value any) (any, cause) {
		parts := make([]string, 0, 8)
		add := func(value any) bool {
			list, ok := listOf(value)
			for _, text := range list {
				if filled(text) {
					parts = append(parts, strings.TrimSpace(text))
				}
			}
			return ok
		}
		ok := add(value)
		for _, s := range sources {
			value, readable := s.read(r)
			if !readable {
				return nil, customUnreadable
			}
			ok = add(value) && ok
		}
		if !ok {
			return nil, "one of its sources is neither text nor a list of texts"
		}
		return strings.Join(parts, separator), ""
	}
}

// listOf reads text or a list of it.
func listOf(value any) ([]string, bool) {
	switch v := value.(type) {
	case []string:
		return v, true
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			text, ok := textOf(item)
			if !ok {
				return nil, false
			}
			out[i] = text
		}
		return out, true
	}
	text, ok := textOf(value)
	return []string{text}, ok
}

// templateStep fills {sources} into a text; {{ and }} are the braces themselves.
func templateStep(a *arguments) step {
	type piece struct {
		literal string
		from    *source
	}
	var pieces []piece
	for _, part := range a.template("text") {
		if !part.path {
			pieces = append(pieces, piece{literal: part.text})
			continue
		}
		a.continues = a.continues || a.target != nil && part.text == "event."+a.target.name
		if found, ok := a.textSource("text", part.text); ok {
			pieces = append(pieces, piece{from: &found})
		}
	}
	return func(r *record, _ any) (any, cause) {
		var b strings.Builder
		for _, p := range pieces {
			if p.from == nil {
				b.WriteString(p.literal)
				continue
			}
			value, readable := p.from.read(r)
			if !readable {
				return nil, customUnreadable
			}
			text, ok := textOf(value)
			if !ok {
				return nil, "one of its sources holds more than one value"
			}
			b.WriteString(text)
		}
		return b.String(), ""
	}
}

// shiftStep moves a whole day by days, and a time of day by days on the calendar of its zone and then by minutes.
func shiftStep(a *arguments) step {
	days := a.number("days", -maxShiftDays, maxShiftDays, 0)
	minutes := a.number("minutes", -maxShiftMinutes, maxShiftMinutes, 0)
	if days == 0 && minutes == 0 {
		a.problem("/args", "date_shift does not say by how much.", "Give minutes, days, or both.")
	}
	return func(r *record, value any) (any, cause) {
		m, ok := value.(*moment)
		if !ok || m.at.IsZero() {
			return nil, "there is no time to shift"
		}
		return shifted(r.zones, m, days, minutes)
	}
}

func shifted(z *zones, m *moment, days, minutes int) (any, cause) {
	if m.Date != "" {
		day := m.at.AddDate(0, 0, days)
		if day.Year() < 1 || day.Year() > 9999 {
			return nil, "the shifted day is out of reach"
		}
		return &moment{app.Moment{Date: day.Format(time.DateOnly)}, day}, ""
	}
	zone, ok := z.load(m.TimeZone)
	if !ok {
		zone = time.UTC
	}
	at := m.at
	if days != 0 {
		_, east := at.In(zone).Zone()
		at = resolve(at.Add(time.Duration(east)*time.Second).AddDate(0, 0, days), zone)
	}
	at = at.Add(time.Duration(minutes) * time.Minute).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return nil, "the shifted time is out of reach"
	}
	return &moment{app.Moment{DateTime: at.Format(instantLayout), TimeZone: m.TimeZone}, at}, ""
}

// What phone does with a number that does not exist.
const (
	keepInvalid  = "keep" // the default: as typed
	emptyInvalid = "empty"
	parkInvalid  = "park"
)

func phoneStep(a *arguments) step {
	region := a.region("region")
	invalid := a.choice("invalid", keepInvalid, emptyInvalid, parkInvalid)
	return func(r *record, value any) (any, cause) {
		typed, ok := listOf(value)
		if !ok {
			return nil, "its source is neither text nor a list of texts"
		}
		in := region
		if in == "" {
			in = r.Settings.Region
		}
		for _, text := range typed {
			if number, ok := e164(strings.TrimSpace(text), in); ok {
				return number, ""
			}
		}
		for _, text := range typed {
			switch {
			case !filled(text):
			case invalid == parkInvalid:
				return nil, "its source is no telephone number that exists"
			case invalid == keepInvalid:
				return clip(strings.TrimSpace(text), maxTypedPhone), ""
			}
		}
		return "", ""
	}
}
