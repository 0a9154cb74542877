package activities

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"
)

// A series is one record and many events. Its master is expanded into them, each under the external id of its original start; an
// exception is a record of its own that writes its event under the id of the instance it stands for. Who holds an instance stands in
// `instances`, so that it does not matter which of them arrives first. What a record has to write there becomes parts of its
// candidate; it is done when they all are.

// seriesSteps are those of records whose events stand in `instances`.
const seriesSteps = acmesync.StepSeries | acmesync.StepException

// serial is what a candidate has to do with series.
type serial struct {
	series *mapping.Series    // of a master: what it is expanded into
	place  *acmesync.Instance // of an exception: the instance it stands for
	parts  []*candidate       // events in "instances" that it has to write or to remove
	endsAt time.Time          // when the last of its events is over
	placed *acmesync.Instance // both ways, of an exception that is merged: the instance it has
	later  bool               // it waits for the next round: this one has as many events as it may hold

	of       *candidate // of a part: whose it is
	instance acmesync.Instance
}

// place names an event of a series.
type place struct{ series, original string }

func placeOf(i acmesync.Instance) place { return place{i.Series, i.Original} }

// part is an event of a series that a candidate has to write or to remove.
func (c *candidate) part(i acmesync.Instance) *candidate {
	p := &candidate{key: c.key, serial: serial{of: c, instance: i}}
	c.parts = append(c.parts, p)
	return p
}

// eventID is how the app knows a candidate's event, behind the connection.
func (c *candidate) eventID() string {
	if c.of != nil {
		return acmesync.InstanceID(c.instance.Series, c.instance.Original)
	}
	if c.placed != nil {
		return acmesync.InstanceID(c.placed.Series, c.placed.Original)
	}
	return c.key.AcmeID
}

// full leaves what may be a master for the next round, as this one has as many events as it may hold: expansions
// count towards the bound, however few records they are.
func (r *round) full(c *candidate) bool {
	c.later = r.instances >= roundRecords && bytes.Contains(c.item.Raw, []byte(`"recurrence"`))
	return c.later
}

// expandInto takes over what a master was expanded into.
func (r *round) expandInto(c *candidate, s *mapping.Series) {
	c.series, c.result.Hash = s, r.seriesHash(c.hash)
	if !s.Again.IsZero() {
		// On the same day it would be taken for what it is already.
		tomorrow := r.pages[0].Claimed.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		again := s.Again
		if again.Before(tomorrow) {
			again = tomorrow
		}
		r.commit.Revisits = append(r.commit.Revisits, acmesync.Revisit{Key: c.key, At: again})
	}
	r.instances += len(s.Events)
	for _, e := range s.Events {
		if ends := mapping.EndsAt(e.Event); ends.After(c.endsAt) {
			c.endsAt = ends
		}
	}
}

// seriesHash covers the window as well: a master that arrives on another day is expanded again though nothing else has changed.
func (r *round) seriesHash(hash string) string {
	return hashOf([]byte(hash), []byte(r.pages[0].Claimed.UTC().Format(time.DateOnly)))
}

// takes reports whether an exception stands for its instance: with its event, or with none where it is left out. One that a
// person gave up does not, nor does one that is deleted.
func (c *candidate) takes() bool {
	return c.place != nil && (c.event != nil || c.result.State == acmesync.Skipped && c.result.Code != acmesync.Discarded)
}

// seriesPlan is what `instances` says of a round's records, and who holds what after it.
type seriesPlan struct {
	*round
	records  []*candidate // in order of their ids, so that a plan never depends on the order of arrival
	rows     map[place]acmesync.Instance
	bySeries map[string][]acmesync.Instance
	holder   map[place]string // "": given back by an exception, and nobody's yet
	released []release
	expanded map[string]bool // masters of this round
}

// release is an instance that an exception gives back.
type release struct {
	row acmesync.Instance
	by  *candidate
}

// planSeries makes parts of what the round's series, exceptions, and records that once were either, have to write.
func (r *round) planSeries(ctx context.Context) error {
	p := seriesPlan{round: r, holder: map[place]string{}, rows: map[place]acmesync.Instance{},
		bySeries: map[string][]acmesync.Instance{}, expanded: map[string]bool{}}
	var ids []string
	var places []acmesync.Instance
	for _, c := range r.candidates {
		if !r.inSeries(c) {
			continue
		}
		p.records, ids = append(p.records, c), append(ids, c.key.AcmeID)
		if c.place != nil {
			places = append(places, *c.place)
		}
	}
	if len(p.records) == 0 {
		return nil
	}
	rows, err := r.Ledger.Instances(ctx, r.fence, ids, places)
	if err != nil {
		return err
	}
	for _, i := range rows {
		p.rows[placeOf(i)], p.holder[placeOf(i)] = i, i.Holder
		p.bySeries[i.Series] = append(p.bySeries[i.Series], i)
	}
	slices.SortFunc(p.records, func(a, b *candidate) int { return strings.Compare(a.key.AcmeID, b.key.AcmeID) })
	p.giveBack(rows)
	for _, c := range p.records {
		p.take(c)
	}
	for _, c := range p.records {
		p.expand(c)
	}
	p.clear()
	for _, c := range p.records {
		p.conclude(c)
	}
	r.inParts = p.records
	return nil
}

// inSeries picks the candidates that have, had, or may have had something in `instances`.
func (r *round) inSeries(c *candidate) bool {
	if c.key.Stream != acmesync.Appointments || c.later || c.stays || (c.ends != unsettled && c.ends != done) {
		return false
	}
	return c.series != nil || c.place != nil || c.remove || c.entry.Steps&seriesSteps != 0 || r.pages[c.page].Tries > 0
}

// giveBack takes from each record what it held as an exception and does not stand for any more.
func (p *seriesPlan) giveBack(rows []acmesync.Instance) {
	byHolder := map[string][]acmesync.Instance{}
	for _, i := range rows {
		byHolder[i.Holder] = append(byHolder[i.Holder], i)
	}
	for _, c := range p.records {
		for _, i := range byHolder[c.key.AcmeID] {
			if i.Series == c.key.AcmeID || c.takes() && placeOf(*c.place) == placeOf(i) {
				continue
			}
			p.holder[placeOf(i)] = ""
			p.released = append(p.released, release{row: i, by: c})
		}
	}
}

// take gives an exception its instance. Another exception that has it keeps it: two records cannot both be one event.
func (p *seriesPlan) take(c *candidate) {
	if !c.takes() {
		return
	}
	at := placeOf(*c.place)
	row, there := p.rows[at]
	if h := p.holder[at]; h != "" && h != at.series && h != c.key.AcmeID {
		p.fail(c, acmesync.Fault{Code: acmesync.RecurrenceInvalid, Field: "original_start",
			Message: "Another record stands for the same appointment of the series. Delete one of both in Acme, then retry."})
		return
	}
	p.holder[at] = c.key.AcmeID
	own := *c.place
	own.AppID, own.Revision = row.AppID, row.Revision
	if c.event == nil {
		p.takeWithout(c, own, there)
		return
	}
	event := *c.event
	c.event, c.endsAt = nil, mapping.EndsAt(event)
	event.ExternalID = p.externalID(at)
	mapped := mapping.EventHash(event)
	if c.again || row.Holder != c.key.AcmeID || row.AppID == "" || row.Mapped != mapped && !p.keepsFirst(row) {
		if p.bothWays() && c.entry.Steps&acmesync.StepWritten == 0 {
			c.event, c.mapped, c.placed = &event, mapped, &own // merged like any appointment
		} else {
			p.write(c, own, event, mapped)
		}
	}
	c.result.AppID, c.result.Revision, c.result.Mapped = row.AppID, row.Revision, mapped
}

// takeWithout gives an exception that is left out its instance, without an event.
func (p *seriesPlan) takeWithout(c *candidate, own acmesync.Instance, there bool) {
	if there && (own.AppID != "" || p.rows[placeOf(own)].Mapped == "") {
		c.part(own).remove = true
		return
	}
	own.AppID, own.Revision = "", 0
	p.commit.Instances = append(p.commit.Instances, own)
}

func (p *seriesPlan) externalID(at place) string {
	return acmesync.ExternalID(p.fence.Connection, acmesync.InstanceID(at.series, at.original))
}

func (p *seriesPlan) write(c *candidate, i acmesync.Instance, e app.Event, mapped string) {
	part := c.part(i)
	part.event, part.mapped = &e, mapped
}

// expand compares a master's instances with what stands in the app: writes what differs, removes what is none any more. Those of
// exceptions are left alone, as are those from before the window.
func (p *seriesPlan) expand(c *candidate) {
	id := c.key.AcmeID
	wanted := map[place]bool{}
	if c.series != nil {
		p.expanded[id] = true
		for _, e := range c.series.Events {
			at := place{id, e.Original}
			wanted[at] = true
			if h := p.holder[at]; h == "" || h == id {
				p.holder[at] = id
				p.writeInstance(c, at, e.Event)
			}
		}
	}
	for _, row := range p.bySeries[id] {
		at := placeOf(row)
		h := p.holder[at]
		switch {
		case wanted[at], h != "" && h != id:
		case h == "" && c.series == nil: // whoever gave it back removes it
		case h == id && c.series != nil && earlier(at.original, c.series.From):
		default:
			p.holder[at] = id
			row.Holder = id
			c.part(row).remove = true
		}
	}
}

func (p *seriesPlan) writeInstance(c *candidate, at place, e app.Event) {
	row, there := p.rows[at]
	e.ExternalID = p.externalID(at)
	mapped := mapping.EventHash(e)
	if there && row.Holder == c.key.AcmeID && row.AppID != "" && !c.again {
		// A person's change, or another day, is no reason to write down anew what is over.
		same := c.known && c.item.Version == c.entry.Version && c.way == acmesync.ByHint
		if row.Mapped == mapped || p.keepsFirst(row) || same && row.Mapped != "" && mapping.EndsAt(e).Before(p.pages[0].Claimed) {
			return
		}
	}
	p.write(c, acmesync.Instance{Series: at.series, Original: at.original, Holder: c.key.AcmeID, AppID: row.AppID, Revision: row.Revision, Mapped: row.Mapped}, e, mapped)
}

// keepsFirst: the tenant wants events to stay as they were first delivered. One that nobody is sure of is written.
func (p *seriesPlan) keepsFirst(row acmesync.Instance) bool {
	return row.Mapped != "" && p.rules.KeepsFirst()
}

// earlier reports whether an instance's original start lies before a moment; the names sort as the times do.
func earlier(original string, than time.Time) bool {
	return original < than.UTC().Format("20060102T150405Z")[:len(original)]
}

// clear removes what was given back and nobody has taken. A master that is not in this round is expanded again, as the
// instance may be its own now.
func (p *seriesPlan) clear() {
	for _, f := range p.released {
		if f.by.ends == parked { // it could not take another instance, and keeps what it had
			if p.holder[placeOf(f.row)] == "" {
				p.holder[placeOf(f.row)] = f.by.key.AcmeID
			}
			continue
		}
		if !p.expanded[f.row.Series] {
			p.commit.Expand = append(p.commit.Expand, f.row.Series)
		}
		if p.holder[placeOf(f.row)] == "" {
			f.by.part(f.row).remove = true
		}
	}
}

// conclude settles what is left to do for the record itself beside its parts.
func (p *seriesPlan) conclude(c *candidate) {
	if c.ends == parked {
		return
	}
	own := c.entry.Steps&acmesync.StepWritten != 0
	switch {
	case c.series != nil, c.place != nil:
		c.remove = own
	case c.event == nil && c.entry.Steps&seriesSteps != 0:
		c.remove = c.remove && own
	}
	if len(c.parts) == 0 && c.event == nil && !c.remove {
		c.ends = done
	} else if len(c.parts) > 0 {
		c.ends = unsettled
	}
}
