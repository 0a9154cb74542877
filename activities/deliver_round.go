package activities

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// candidate is a record of a round: the newest version of it that the round holds.
type candidate struct {
	key    acmesync.Key
	item   acme.Item
	way    acmesync.Way
	page   int  // index into the round's pages: where its end is counted
	again  bool // asked for by a person: news or not, a write is due
	entry  acmesync.LedgerEntry
	known  bool
	hash   string
	event  *app.Event // to be written
	remove bool       // to be taken out of the app
	result acmesync.LedgerEntry
	fault  *acmesync.Fault
	ends   outcome
	by     acmesync.Order // the order that asked
	poison bool           // whoever opened it did not come back: it parks unopened
	given  bool           // an order says what it comes to: nothing is compared or mapped
}

// outcome is how a candidate's arrival ends.
type outcome int

const (
	unsettled outcome = iota // stays open: the envelope lists it among its rest
	done
	duplicate
	superseded
	parked
)

// round is what was claimed together and is committed together.
type round struct {
	*deliverLane
	pages      []acmesync.Page
	ends       []acmesync.EndedPage
	candidates []*candidate
	contacts   map[string]acme.Contact // by the id that records name; merges followed
	commit     acmesync.Delivered
}

// round works pages off: compare with the ledger, map what differs, write it, commit all of it at once.
func (l *deliverLane) round(ctx context.Context, pages []acmesync.Page) error {
	r := &round{deliverLane: l, pages: pages, ends: make([]acmesync.EndedPage, len(pages))}
	for i, p := range pages {
		r.ends[i].Envelope = p.Envelope
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	if err := r.mapAll(ctx); err != nil {
		return err
	}
	failed := r.write(ctx)
	if failed != nil && sortFailure(failed).verdict() == repeat {
		return failed
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if failed != nil {
		if err := l.Inbox.ReleasePages(ctx, l.fence, pages); err != nil {
			return err
		}
		return l.judge(ctx, "", failed)
	}
	return l.Holds.Release(ctx, l.fence, acmesync.DependsOnApp)
}

// open takes the pages apart. Of several versions of one record only the newest goes on.
func (r *round) open(ctx context.Context) error {
	newest := map[acmesync.Key]*candidate{}
	for i, p := range r.pages {
		if spent(p) && p.Kind == acmesync.OrderEnvelope {
			r.parkPage(i)
			continue
		}
		if p.Kind == acmesync.OrderEnvelope {
			if err := r.openOrder(ctx, i, newest); err != nil {
				return err
			}
			continue
		}
		items, err := acme.ReadItems(p.Body)
		if err != nil {
			if spent(p) {
				r.parkPage(i)
				continue
			}
			return fmt.Errorf("open an envelope of %s: %w", p.Stream, err)
		}
		r.openPage(i, items, newest)
	}
	return nil
}

func (r *round) openPage(page int, items []acme.Item, newest map[acmesync.Key]*candidate) {
	p := r.pages[page]
	var rest map[string]bool
	if p.Rest != nil {
		rest = make(map[string]bool, len(p.Rest))
		for _, id := range p.Rest {
			rest[id] = true
		}
	}
	allowed := portion(p)
	for n, item := range items {
		switch {
		case item.ID == "" && rest == nil:
			r.parkRaw(page, n, item)
		case item.ID == "" || (rest != nil && !rest[item.ID]):
		case allowed == 0:
			r.ends[page].Rest = append(r.ends[page].Rest, item.ID)
		default:
			allowed--
			c := &candidate{key: acmesync.Key{Stream: p.Stream, AcmeID: item.ID}, item: item, way: p.Way, page: page}
			if spent(p) {
				c.poison = true
			}
			r.add(newest, c)
		}
	}
}

func (r *round) add(newest map[acmesync.Key]*candidate, c *candidate) {
	before, twice := newest[c.key]
	if !twice {
		newest[c.key] = c
		r.candidates = append(r.candidates, c)
		return
	}
	if before.item.Version < c.item.Version || (before.item.Version == c.item.Version && c.way == acmesync.ByHint) {
		r.count(before.page, superseded)
		before.item, before.way, before.page = c.item, c.way, c.page
		before.again = before.again || c.again
		return
	}
	if before.item.Version == c.item.Version {
		r.count(c.page, duplicate)
	} else {
		r.count(c.page, superseded)
	}
}

func (r *round) count(page int, o outcome) {
	e := &r.ends[page]
	switch o {
	case done:
		e.Done++
	case duplicate:
		e.Duplicate++
	case superseded:
		e.Superseded++
	case parked:
		e.Parked++
	case unsettled:
	}
}

// parkRaw keeps an item that is no record at all: nobody knows its id, so its place in the inbox names it.
func (r *round) parkRaw(page, n int, item acme.Item) {
	p := r.pages[page]
	r.commit.Parked = append(r.commit.Parked, acmesync.ParkedRecord{
		Key: acmesync.Key{Stream: p.Stream, AcmeID: "raw:" + p.Envelope.ID + ":" + strconv.Itoa(n)},
		Fault: acmesync.Fault{Code: acmesync.Unreadable, Field: "id",
			Message: "This item has no usable id, version or time of change. Have it repaired in Acme, then discard it here."},
		Body: item.Raw,
	})
	r.count(page, parked)
}

// compare asks two questions of each candidate: is it news, and is a write due?
func (r *round) compare(ctx context.Context) error {
	byStream := map[acmesync.Stream][]string{}
	for _, c := range r.candidates {
		byStream[c.key.Stream] = append(byStream[c.key.Stream], c.key.AcmeID)
	}
	entries := map[acmesync.Key]acmesync.LedgerEntry{}
	for stream, ids := range byStream {
		found, err := r.Ledger.Ledger(ctx, r.fence, stream, ids)
		if err != nil {
			return err
		}
		for id, e := range found {
			entries[acmesync.Key{Stream: stream, AcmeID: id}] = e
		}
	}
	hashes, err := r.contactHashes(ctx)
	if err != nil {
		return err
	}
	for _, c := range r.candidates {
		if c.given {
			continue
		}
		c.entry, c.known = entries[c.key]
		if c.known && stale(c) {
			c.ends = superseded
			continue
		}
		c.hash = r.hash(c, hashes)
		if c.known && c.hash == c.entry.Hash && !c.again {
			c.ends = duplicate
		}
	}
	return nil
}

// stale: an older version than the ledger's is no news. A tombstone made because Acme did not find the record any more is
// undone by a read by id, not by a page that may have been read before.
func stale(c *candidate) bool {
	if c.item.Version != c.entry.Version {
		return c.item.Version < c.entry.Version
	}
	return c.entry.State == acmesync.Deleted && !c.item.Deleted && c.way == acmesync.ByPoll
}

// hash covers all a write depends on: the record as it arrived, its people, the rules.
func (r *round) hash(c *candidate, contacts map[string]string) string {
	parts := make([][]byte, 0, 4+len(c.item.ContactIDs))
	parts = append(parts, c.item.Raw, []byte(rulesVersion))
	if c.key.Stream == acmesync.Appointments {
		for _, id := range c.item.ContactIDs {
			parts = append(parts, []byte(contacts[id]))
		}
	}
	parts = append(parts, []byte(r.staffIDs[c.item.OwnerID]))
	return hashOf(parts...)
}

var rulesVersion = strconv.Itoa(mapping.RulesVersion)

// mapAll makes of each candidate what it comes to: an event to write, one to remove, a fact, a skip or a fault.
func (r *round) mapAll(ctx context.Context) error {
	if err := r.openContacts(ctx); err != nil {
		return err
	}
	settings := mapping.Settings{Region: r.connection.Region, TimeZone: r.connection.TimeZone}
	for _, c := range r.candidates {
		if c.ends != unsettled || c.given {
			continue
		}
		c.result = acmesync.LedgerEntry{
			Key: c.key, Version: c.item.Version, SourceAt: c.item.UpdatedAt, Hash: c.hash, State: acmesync.InStep,
			Revision: c.entry.Revision, AppID: c.entry.AppID, Steps: c.entry.Steps, OwnerID: c.item.OwnerID,
		}
		if c.item.Deleted {
			r.tombstone(c)
			continue
		}
		err := r.mapOne(c, settings)
		var skip *mapping.Skip
		var fault *acmesync.Fault
		var malformed *acme.Error
		switch {
		case err == nil:
		case errors.As(err, &skip):
			c.result.State, c.result.Code, c.result.Field = acmesync.Skipped, skip.Code, skip.Field
			c.remove = c.entry.Steps >= acmesync.StepWritten
			r.noFact(c)
		case errors.As(err, &fault):
			r.fail(c, *fault)
		case errors.As(err, &malformed):
			r.fail(c, acmesync.Fault{Code: acmesync.Unreadable, Field: malformed.Field,
				Message: "This field is not what Acme's contract says. Have the record repaired in Acme, or retry once it is."})
		default:
			r.log.Error("a defect of ours; the record is parked", "stream", c.key.Stream, "acme_id", c.key.AcmeID, "error", err)
			r.Alerts.Alert(ctx, r.fence.Tenant, "A record could not be handled because of a defect: "+string(c.key.Stream)+" "+c.key.AcmeID)
			r.fail(c, acmesync.Fault{Code: acmesync.InternalDefect, Message: "acmesync itself failed on this record. It is reported; retry after the next release."})
		}
		if c.ends == unsettled && c.event == nil && !c.remove {
			c.ends = done
		}
	}
	return nil
}

// mapOne maps one record; a panic is a defect of ours with this record, and the process lives.
func (r *round) mapOne(c *candidate, s mapping.Settings) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mapping panicked: %v", p)
		}
	}()
	if c.poison {
		return errors.New("the record has ended every attempt that opened it")
	}
	if len(c.item.Raw) > maxRecord {
		return &acmesync.Fault{Code: acmesync.TooLarge, Message: "The record is larger than 1 MB. Shorten it in Acme."}
	}
	if c.key.Stream == acmesync.Touchpoints {
		return r.mapTouchpoint(c)
	}
	a, err := acme.DecodeAppointment(c.item.Raw)
	if err != nil {
		return err
	}
	found := make([]acme.Contact, 0, len(a.ContactIDs))
	for _, id := range a.ContactIDs {
		if contact, ok := r.contacts[id]; ok {
			found = append(found, contact)
		}
	}
	event, err := mapping.Appointment(a, found, r.staff, s)
	if err != nil {
		return err
	}
	event.ExternalID = acmesync.ExternalID(r.fence.Connection, c.key.AcmeID)
	c.event = &event
	return nil
}

// maxRecord bounds one record.
const maxRecord = 1 << 20

func (r *round) mapTouchpoint(c *candidate) error {
	t, err := acme.DecodeTouchpoint(c.item.Raw)
	if err != nil {
		return err
	}
	fact, err := mapping.Touchpoint(t, r.staff)
	if err != nil {
		return err
	}
	r.commit.Facts = append(r.commit.Facts, fact)
	return nil
}

// noFact takes a touch-point out of the counts, if it was ever in them.
func (r *round) noFact(c *candidate) {
	if c.key.Stream == acmesync.Touchpoints && c.known {
		r.commit.NoFacts = append(r.commit.NoFacts, c.key.AcmeID)
	}
}

func (r *round) tombstone(c *candidate) {
	c.result.State = acmesync.Deleted
	c.remove = c.entry.Steps >= acmesync.StepWritten
	r.noFact(c)
	if !c.remove {
		c.ends = done
	}
}

// fail parks a candidate. What the app holds of it stays as it is: a person decides.
func (r *round) fail(c *candidate, f acmesync.Fault) {
	c.fault, c.ends, c.event, c.remove = &f, parked, nil, false
	c.result.State, c.result.Code, c.result.Field = acmesync.Parked, f.Code, f.Field
	r.noFact(c)
}

// openContacts opens the people of the appointments that are to be mapped.
func (r *round) openContacts(ctx context.Context) error {
	ids := r.contactIDs(func(c *candidate) bool { return c.ends == unsettled && !c.item.Deleted })
	people, err := r.People.Contacts(ctx, r.fence, ids)
	if err != nil {
		return err
	}
	r.contacts = make(map[string]acme.Contact, len(people))
	for id, p := range people {
		if r.contacts[id], err = acme.DecodeContact(p.Body); err != nil {
			return fmt.Errorf("open a contact: %w", err)
		}
	}
	return nil
}

func (r *round) contactIDs(which func(*candidate) bool) []string {
	seen := map[string]bool{}
	ids := []string{}
	for _, c := range r.candidates {
		if c.key.Stream != acmesync.Appointments || c.given || !which(c) {
			continue
		}
		for _, id := range c.item.ContactIDs {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (r *round) contactHashes(ctx context.Context) (map[string]string, error) {
	ids := r.contactIDs(func(c *candidate) bool { return c.ends == unsettled })
	return r.People.ContactHashes(ctx, r.fence, ids)
}
