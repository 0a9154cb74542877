package activities

import (
	"cmp"
	"context"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// candidate is a record of a round: the newest version of it that the round holds.
type candidate struct {
	key     acmesync.Key
	item    acme.Item
	way     acmesync.Way
	page    int  // index into the round's pages: where its end is counted
	again   bool // asked for by a person: news or not, a write is due
	entry   acmesync.LedgerEntry
	known   bool
	hash    string
	event   *app.Event // to be written
	mapped  string     // its hash
	remove  bool       // to be taken out of the app
	mark    bool       // deleted, and to stay in the app as cancelled
	stays   bool       // deleted, and to stay in the app, marked or not
	result  acmesync.LedgerEntry
	fault   *acmesync.Fault
	ends    outcome
	by      acmesync.Order // the order that asked
	audited bool           // brought by an audit's walk
	poison  bool           // whoever opened it did not come back: it parks unopened
	given   bool           // an order says what it comes to: nothing is compared or mapped
	opened  bool           // an attempt that did not commit has had it: it may have been written

	appID string                // of an event that people have changed in the app: how its order names it
	made  *app.Change           // of an exception that this round has made of an event: what the event was then
	both  *sides                // both ways: what is known beside Acme's record
	fate  acmesync.Fate         // both ways: what becomes of Acme's record; empty: nothing, or fields of it
	patch acme.AppointmentPatch // both ways: what Acme is asked to change
	held  bool                  // both ways: nothing more is done about it in this pass

	twin     string // an event of the app's own that it says is the same
	linked   bool   // it was made the record's own
	business string // which appointment it is by business key; empty: that is not asked
	holds    bool   // it stands for that appointment

	refused bool // the app answered that it cannot take it now
	alone   bool // it was the only one of that request

	serial // what it has to do with series
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
	contactsAs map[string]string       // their hashes
	commit     acmesync.Delivered

	hashes   map[string]string // of the people behind contacts, as compared
	newborn  []*birth          // events made in the app that this round brings
	acmeDown bool              // Acme does not take writes in this round
	late     error             // the app's failure while orders were opened

	waiting     []*candidate // for a third party
	took        int          // records the app has taken in this round
	putOff      []int        // by page: how many of its rest the app could not take now
	called      bool         // the app has answered something in this round
	failedAlone int          // records that failed alone since anything succeeded

	instances int          // events of the series that were expanded so far
	inParts   []*candidate // who has to do with series
}

// round works pages off: compare with the ledger, map what differs, write it, commit all of it at once.
func (l *deliverLane) round(ctx context.Context, pages []acmesync.Page) (failed, err error) {
	r := &round{deliverLane: l, pages: pages, ends: make([]acmesync.EndedPage, len(pages)), putOff: make([]int, len(pages))}
	for i, p := range pages {
		r.ends[i].Envelope = p.Envelope
	}
	for _, step := range []func(context.Context) error{r.open, r.enrich, r.compare, r.mapAll, r.collide, r.planSeries} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if failed = r.late; failed == nil {
		failed = r.write(ctx)
	}
	if failed != nil && sortFailure(failed).verdict() == repeat {
		return nil, failed
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	if failed != nil {
		return failed, l.Inbox.ReleasePages(ctx, l.fence, pages)
	}
	if r.called {
		return nil, l.release(ctx, acmesync.DependsOnApp, "")
	}
	return nil, nil
}

// open takes the pages apart. Of several versions of one record only the newest goes on.
func (r *round) open(ctx context.Context) error {
	newest := map[acmesync.Key]*candidate{}
	for i, p := range r.pages {
		if p.Sealed {
			r.unreadable(ctx, i, errSealed)
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
			r.unreadable(ctx, i, err)
			continue
		}
		r.openPage(i, items, newest)
	}
	return nil
}

func (r *round) openPage(page int, items []acme.Item, newest map[acmesync.Key]*candidate) {
	p := r.pages[page]
	if p.Rest != nil {
		items = r.restOf(page, items)
	}
	allowed := portion(p)
	for _, item := range items {
		switch {
		case item.ID == "":
			r.parkRaw(page, item)
		case allowed == 0:
			r.ends[page].Rest = append(r.ends[page].Rest, item.ID)
		default:
			allowed--
			c := &candidate{key: acmesync.Key{Stream: p.Stream, AcmeID: item.ID}, item: item, way: p.Way, page: page, opened: p.Tries > 0, audited: p.Way == acmesync.ByAudit}
			if spent(p) {
				c.poison = true
			}
			r.add(newest, c)
		}
	}
}

// restOf picks what is left to do of a page: the newest version of each record its rest names. One that it names several times
// is still to be counted as often; what was counted before is not counted again.
func (r *round) restOf(page int, items []acme.Item) []acme.Item {
	left := map[string]int{}
	for _, id := range r.pages[page].Rest {
		left[id]++
	}
	at := map[string]int{}
	var rest []acme.Item
	for _, item := range items {
		if item.ID == "" || left[item.ID] == 0 {
			continue
		}
		i, twice := at[item.ID]
		if !twice {
			at[item.ID] = len(rest)
			rest = append(rest, item)
			for range left[item.ID] - 1 {
				r.count(page, superseded)
			}
		} else if item.Version >= rest[i].Version {
			rest[i] = item
		}
	}
	return rest
}

func (r *round) add(newest map[acmesync.Key]*candidate, c *candidate) {
	before, twice := newest[c.key]
	if !twice {
		newest[c.key] = c
		r.candidates = append(r.candidates, c)
		return
	}
	before.opened = before.opened || c.opened
	if before.given { // an order decides about it in this round; this comes after it
		r.ends[c.page].Rest = append(r.ends[c.page].Rest, c.key.AcmeID)
		return
	}
	if before.item.Version < c.item.Version || (before.item.Version == c.item.Version && c.way == acmesync.ByHint) {
		r.count(before.page, superseded)
		before.item, before.way, before.page, before.appID, before.audited = c.item, c.way, c.page, c.appID, c.audited
		before.ask(c)
		return
	}
	before.ask(c)
	if before.item.Version == c.item.Version {
		r.count(c.page, duplicate)
	} else {
		r.count(c.page, superseded)
	}
}

// ask takes over that a person asked for the record, by whichever of its arrivals.
func (c *candidate) ask(other *candidate) {
	if other.made != nil {
		c.made = other.made
	}
	if other.again {
		c.again, c.by = true, other.by
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

// parkRaw keeps an item that is no record at all. Nobody knows its id, so its content names it: every poll may bring it again,
// at another place of a page.
func (r *round) parkRaw(page int, item acme.Item) {
	p := r.pages[page]
	trouble := cmp.Or(item.Trouble(), "This item has no usable id, version or time of change.")
	r.commit.Parked = append(r.commit.Parked, acmesync.ParkedRecord{
		Key:   acmesync.Key{Stream: p.Stream, AcmeID: acmesync.RawPrefix + hashOf(item.Content())},
		Fault: acmesync.Fault{Code: acmesync.Unreadable, Field: "id", Message: trouble + " Have it repaired in Acme, then discard it here."},
		Body:  item.Raw,
	})
	r.count(page, parked)
}
