package mapping

import (
	"strings"
	"sync"
	"time"
)

// maxZoneName is far above the longest IANA name, America/Argentina/ComodRivadavia.
const maxZoneName = 64

// zones remembers the time zones that were asked for, as loading one costs more than mapping a
// record. Only zones that exist are kept. The nil *zones remembers nothing.
type zones struct{ loaded sync.Map }

// load finds a zone by its IANA name. It refuses what time.LoadLocation takes and other systems
// don't: nothing for UTC, Local for wherever the program runs, and the folders and files that some
// machines keep beside the names, of which right/ even counts leap seconds.
func (z *zones) load(name string) (*time.Location, bool) {
	if z != nil {
		if held, ok := z.loaded.Load(name); ok {
			return held.(*time.Location), true
		}
	}
	switch {
	case len(name) > maxZoneName, strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		return nil, false
	}
	switch name {
	case "", "Local", "localtime", "posixrules", "Factory":
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	if z != nil {
		z.loaded.Store(name, zone)
	}
	return zone, true
}

// resolve finds the instant at which clocks in the zone show the wall-clock time, given as that time in UTC.
//
// It walks the zone's periods from before any instant in question and takes the first in which the time
// occurs. A time that falls between two periods occurs in none and gets the offset of the earlier one. Both are RFC 5545's
// rules; time.Date promises neither.
func resolve(wall time.Time, zone *time.Location) time.Time {
	at := wall.Add(-24 * time.Hour).In(zone) // no offset was ever as large
	for {
		_, end := at.ZoneBounds()
		found := wall.Add(-offset(at))
		if end.IsZero() || found.Before(end) || wall.Add(-offset(end)).Before(end) {
			return found
		}
		at = end
	}
}

func offset(at time.Time) time.Duration {
	_, seconds := at.Zone()
	return time.Duration(seconds) * time.Second
}
