package calendar

import (
	"strings"
	"time"

	"acmesync/app"
)

// maxArrivals bounds what one workspace remembers; older ones are forgotten.
const maxArrivals = 200_000

// Arrival is one applied write of an event: created, updated or deleted.
type Arrival struct {
	Seq        int64            `json:"seq"` // per workspace, from 1
	ExternalID string           `json:"external_id"`
	Revision   int64            `json:"revision"`
	Status     app.ResultStatus `json:"status"`
	At         time.Time        `json:"at"` // when the request had been read
}

// arrivals is a ring of the latest ones.
type arrivals struct {
	ring []Arrival
	last int64 // seq of the latest
}

func (a *arrivals) add(externalID string, revision int64, status app.ResultStatus, at time.Time) {
	a.last++
	one := Arrival{a.last, strings.Clone(externalID), revision, status, at}
	if len(a.ring) < maxArrivals {
		a.ring = append(a.ring, one)
		return
	}
	a.ring[(a.last-1)%maxArrivals] = one
}

// after lists up to limit arrivals that follow a seq, oldest first, of one event or of all.
func (a *arrivals) after(seq int64, externalID string, limit int) []Arrival {
	out := []Arrival{}
	for n := max(seq, a.last-int64(len(a.ring))) + 1; n <= a.last && len(out) < limit; n++ {
		one := a.ring[(n-1)%maxArrivals]
		if externalID == "" || one.ExternalID == externalID {
			out = append(out, one)
		}
	}
	return out
}
