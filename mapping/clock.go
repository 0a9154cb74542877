package mapping

import (
	"strings"
	"time"
)

const (
	maxTimeText = 64 // bytes; longer is no time

	instantLayout = "2006-01-02T15:04:05Z"
	wallLayout    = "2006-01-02T15:04:05"
)

// reading is a time as it was written: what a clock on the wall shows, and how far that clock is
// from UTC if the text says so.
type reading struct {
	wall      time.Time // the wall's digits, as if in UTC
	offset    time.Duration
	hasOffset bool
}

// readTime reads "2006-01-02T15:04:05" or RFC 3339. It is stricter than time.Parse, which takes a decimal
// comma, and kinder: T and Z may be lower case and a minute may have a leap second, as RFC 3339 has it.
func readTime(text string) (reading, bool) {
	if len(text) < len("2006-01-02T15:04:05") || len(text) > maxTimeText || text[10]|0x20 != 't' || text[13] != ':' || text[16] != ':' {
		return reading{}, false
	}
	day, ok := readDate(text[:10])
	hour, okHour := number(text[11:13], 23)
	minute, okMinute := number(text[14:16], 59)
	second, okSecond := number(text[17:19], 60)
	if !ok || !okHour || !okMinute || !okSecond {
		return reading{}, false
	}
	r := reading{wall: day.Add(time.Duration(hour*3600+minute*60+second) * time.Second)}
	rest, ok := skipFraction(text[19:])
	if !ok {
		return reading{}, false
	}
	if rest == "" {
		return r, true
	}
	r.offset, r.hasOffset = readOffset(rest)
	return r, r.hasOffset
}

// readDate reads "2006-01-02", a day there is, from year 1 on.
func readDate(text string) (time.Time, bool) {
	if len(text) != 10 || text[4] != '-' || text[7] != '-' {
		return time.Time{}, false
	}
	year, okYear := number(text[:4], 9999)
	month, okMonth := number(text[5:7], 12)
	day, okDay := number(text[8:], 31)
	if !okYear || !okMonth || !okDay || year == 0 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return at, at.Month() == time.Month(month) && at.Day() == day
}

// skipFraction passes over ".123": every time is cut to the whole second.
func skipFraction(text string) (rest string, ok bool) {
	if !strings.HasPrefix(text, ".") {
		return text, true
	}
	rest = strings.TrimLeft(text[1:], "0123456789")
	return rest, len(rest) < len(text)-1
}

func readOffset(text string) (time.Duration, bool) {
	if text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) != len("+00:00") || text[3] != ':' {
		return 0, false
	}
	hours, okHours := number(text[1:3], 23)
	minutes, okMinutes := number(text[4:], 59)
	east := time.Duration(hours*60+minutes) * time.Minute
	switch {
	case !okHours || !okMinutes:
		return 0, false
	case text[0] == '+':
		return east, true
	case text[0] == '-':
		return -east, true
	}
	return 0, false
}

// number reads digits and nothing else.
func number(digits string, limit int) (int, bool) {
	n := 0
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + int(digits[i]-'0')
	}
	return n, n <= limit
}
