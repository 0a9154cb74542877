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
// It tries the offset in use before any instant in question, then the one in use after them all. A time that occurs
// twice does so first with the earlier offset. One that never occurs is read with the earlier offset nevertheless.
// Both are RFC 5545's rules; time.Date promises neither. Time.ZoneBounds is no way to walk from change to
// change: on the last day of leap years from 2040 on it answers an end that is not after the instant.
func resolve(wall time.Time, zone *time.Location) time.Time {
	const reach = 16 * time.Hour // no zone was ever as far from UTC
	before := offset(wall.Add(-reach), zone)
	first := wall.Add(-before)
	if offset(first, zone) == before {
		return first
	}
	after := offset(wall.Add(reach), zone)
	if second := wall.Add(-after); offset(second, zone) == after {
		return second
	}
	return first
}

func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
