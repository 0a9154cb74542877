package acme

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	wallLayout = "2006-01-02T15:04:05"
	wholeDay   = 24 * time.Hour
)

// instant gives RFC 3339 in UTC; what is no time stays as it came.
func (s *source) instant(tree any) any {
	v := s.value(tree)
	if v == nil {
		return nil
	}
	if t, ok := s.parse(v, tree); ok {
		return micros(t)
	}
	word, ok := asText(v)
	if !ok {
		return v
	}
	return word
}

// parse reads one value in the source's time format.
func (s *source) parse(v any, tree any) (time.Time, bool) {
	word, ok := asText(v)
	if !ok {
		return time.Time{}, false
	}
	if s.spec.Time == "local" {
		wall, ok := parseWall(word)
		if !ok {
			return parseInstant([]byte(word)) // with its offset a time needs no zone
		}
		zone, known := s.zoneOf(tree)
		if !known {
			return time.Time{}, false
		}
		return inZone(wall, zone), true
	}
	if s.spec.Time != "" && s.spec.Time != "rfc3339" {
		return parseEpoch(word, s.spec.Time)
	}
	return parseInstant([]byte(word))
}

// parseEpoch reads time since 1970, fractions included.
func parseEpoch(word, format string) (time.Time, bool) {
	perSecond := map[string]float64{"unix_s": 1, "unix_ms": 1e3, "unix_us": 1e6}[format]
	if whole, err := strconv.ParseInt(word, 10, 64); err == nil && math.Abs(float64(whole)) < 1e11*perSecond {
		return time.UnixMicro(whole * int64(1e6/perSecond)).UTC(), true
	}
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || !(math.Abs(n) < 1e11*perSecond) {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(n * 1e6 / perSecond)).UTC(), true
}

// zoneOf is the zone of the record's times; UTC where nothing names one. Not known: it names one that does not exist.
func (s *source) zoneOf(tree any) (zone *time.Location, known bool) {
	if name := s.zoneName(tree); name != "" {
		return s.zones.load(name)
	}
	return time.UTC, true
}

// zones remembers time zones: loading one costs more than all else about a record. Only zones that exist are kept.
type zones struct{ loaded sync.Map }

func (z *zones) load(name string) (*time.Location, bool) {
	if held, ok := z.loaded.Load(name); ok {
		zone, _ := held.(*time.Location)
		return zone, true
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return time.UTC, false
	}
	z.loaded.Store(name, zone)
	return zone, true
}

func (s *source) zoneName(tree any) string {
	if s.hasZoneFrom {
		if name, ok := asText(s.zoneFrom.first(tree)); ok && name != "" {
			return name
		}
	}
	return s.spec.Zone
}

// moment gives {date_time, time_zone} or {date}.
func (s *source) moment(tree, built map[string]any) any {
	switch {
	case s.long:
		return s.afterStart(tree, built)
	case s.hasDate:
		return s.ofParts(tree)
	}
	v := s.value(tree)
	if v == nil {
		return nil
	}
	word, ok := asText(v)
	if !ok {
		return v // an object: in the canonical form already
	}
	if wholeDate(word) {
		return map[string]any{"date": word}
	}
	if s.hasAllDay {
		if allDay, _ := boolean(s.allDay.first(tree)).(bool); allDay {
			return map[string]any{"date": s.dateOf(word, v, tree)}
		}
	}
	zoneName := s.zoneName(tree)
	if zoneName == "" {
		zoneName = "UTC"
	}
	if s.spec.Time == "local" {
		if wall, ok := parseWall(word); ok {
			word = wall.Format(wallLayout)
		}
		return map[string]any{"date_time": word, "time_zone": zoneName}
	}
	t, ok := s.parse(v, tree)
	if !ok {
		return map[string]any{"date_time": word, "time_zone": zoneName}
	}
	zone, known := s.zoneOf(tree)
	if !known {
		return map[string]any{"date_time": micros(t), "time_zone": zoneName}
	}
	return map[string]any{"date_time": wallIn(t, zone), "time_zone": zoneName}
}

// dateOf is the date of an all-day value; an instant is taken in UTC, as sides that flag such days write it.
func (s *source) dateOf(word string, v any, tree any) string {
	if t, ok := s.parse(v, tree); ok && s.spec.Time != "local" {
		return t.UTC().Format(time.DateOnly)
	}
	if len(word) >= 10 && wholeDate(word[:10]) {
		return word[:10]
	}
	return word
}

// ofParts joins a date and a time of day that lie apart. No time of day: all day.
func (s *source) ofParts(tree any) any {
	day, ok := asText(s.date.first(tree))
	if !ok || day == "" {
		return nil
	}
	clock, _ := asText(s.clock.first(tree))
	if clock == "" {
		return map[string]any{"date": day}
	}
	zoneName := s.zoneName(tree)
	if zoneName == "" {
		zoneName = "UTC"
	}
	word := day + "T" + clock
	if wall, ok := parseWall(word); ok {
		word = wall.Format(wallLayout)
	}
	return map[string]any{"date_time": word, "time_zone": zoneName}
}

// afterStart adds a length to the start: whole days to a date, time that passes to a time.
func (s *source) afterStart(tree, built map[string]any) any {
	start, _ := built["start"].(map[string]any)
	if start == nil {
		return nil
	}
	length, ok := s.lengthOf(s.duration.first(tree))
	if day, allDay := start["date"].(string); allDay {
		t, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return map[string]any{"date": day}
		}
		days := 1
		if ok {
			days = int(math.Ceil(float64(length) / float64(wholeDay)))
		}
		return map[string]any{"date": t.AddDate(0, 0, days).Format(time.DateOnly)}
	}
	if !ok {
		return nil
	}
	word, _ := start["date_time"].(string)
	name, _ := start["time_zone"].(string)
	zone, _ := s.zones.load(name)
	if t, ok := parseInstant([]byte(word)); ok {
		return map[string]any{"date_time": t.Add(length).In(zone).Format(time.RFC3339), "time_zone": name}
	}
	wall, ok := parseWall(word)
	if !ok {
		return map[string]any{"date_time": word, "time_zone": name}
	}
	return map[string]any{"date_time": wallIn(inZone(wall, zone).Add(length), zone), "time_zone": name}
}

// wallIn writes an instant as people in a zone read it off the clock; with its offset where the clock shows that time twice.
func wallIn(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	if !inZone(local, zone).Equal(t) {
		return local.Format(time.RFC3339Nano)
	}
	return local.Format("2006-01-02T15:04:05.999999")
}

// inZone is the instant a wall clock shows in a zone, by RFC 5545: the first where it shows that time twice, and with the
// offset of before where it never does. time.Date promises neither.
func inZone(wall time.Time, zone *time.Location) time.Time {
	const reach = 16 * time.Hour // no zone was ever as far from UTC
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	utc := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	before := offset(utc.Add(-reach))
	first := utc.Add(-before)
	if offset(first) == before {
		return first
	}
	after := offset(utc.Add(reach))
	if second := utc.Add(-after); offset(second) == after {
		return second
	}
	return first
}

// parseWall reads a time without a zone: T or a space between, seconds or none.
func parseWall(word string) (time.Time, bool) {
	word = strings.Replace(word, " ", "T", 1)
	for _, layout := range []string{wallLayout, "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, word); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// wholeDate tells whether a text is a date alone, whether or not the calendar has it.
func wholeDate(word string) bool {
	return len(word) == 10 && word[4] == '-' && word[7] == '-' && strings.Trim(word[:4]+word[5:7]+word[8:], digits) == ""
}
