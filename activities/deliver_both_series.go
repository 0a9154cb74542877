package activities

import (
	"context"
	"errors"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// What people do with one instance of a series. Where an exception stands for it already, the exception is merged like any other
// appointment. Where the series itself has it, an exception is made of what has changed, and is merged from then on; one that was
// deleted is left out of the series by an exception date.

// changed is an instance that people have changed in the app.
type changed struct {
	change app.Change
	at     place
	row    acmesync.Instance
	series acme.Appointment // as Acme has it now
	event  app.Event        // as the series has the instance
	people map[string]acme.Contact
}

// instanceNews deals with instances that people have changed. It answers those that exceptions stand for, by the exceptions' ids.
func (r *round) instanceNews(ctx context.Context, page int, o acmesync.Order, changes []app.Change, newest map[acmesync.Key]*candidate) (map[string]app.Change, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	var places []acmesync.Instance
	var ids []string
	for _, change := range changes {
		at := r.placeOfEvent(change.ExternalID)
		places, ids = append(places, acmesync.Instance{Series: at.series, Original: at.original}), append(ids, change.ID)
	}
	entries, err := r.Ledger.Ledger(ctx, r.fence, acmesync.AppEvents, ids)
	if err != nil {
		return nil, err
	}
	rows, err := r.Ledger.Instances(ctx, r.fence, nil, places)
	if err != nil {
		return nil, err
	}
	byPlace := map[place]acmesync.Instance{}
	for _, row := range rows {
		byPlace[placeOf(row)] = row
	}
	taken := map[string]app.Change{}
	for _, change := range changes {
		at := r.placeOfEvent(change.ExternalID)
		row, there := byPlace[at]
		switch {
		case !there: // nothing of ours
			r.count(page, done)
		case row.Holder != row.Series:
			taken[row.Holder] = change
		case change.Origin != app.OriginUser:
			r.count(page, done) // written since
		default:
			c := &candidate{key: acmesync.Key{Stream: acmesync.AppEvents, AcmeID: change.ID}, page: page, by: o, appID: change.ID}
			c.entry, c.known = entries[change.ID]
			if err := r.instanceChanged(ctx, c, changed{change: change, at: at, row: row}, newest); err != nil {
				return nil, err
			}
		}
	}
	return taken, nil
}

func (r *round) placeOfEvent(externalID string) place {
	id, _ := acmesync.AcmeIDOf(r.fence.Connection, externalID)
	cut := strings.LastIndexByte(id, '/')
	return place{id[:cut], id[cut+1:]}
}

// instanceChanged carries to Acme what people have done with an instance that the series has.
func (r *round) instanceChanged(ctx context.Context, c *candidate, i changed, newest map[acmesync.Key]*candidate) error {
	c.result = acmesync.LedgerEntry{Key: c.key, Version: i.change.Version, SourceAt: i.change.UpdatedAt, State: acmesync.InStep, AppID: i.change.ID}
	found, err := r.readSeries(ctx, &i)
	if err != nil {
		return r.later(c.page, []string{i.change.ID}, err)
	}
	if !found { // the series has no such appointment any more, or it is long over
		c.result.State, c.result.Code = acmesync.Skipped, acmesync.SeriesEditInApp
		r.order(newest, c, false)
		return nil
	}
	var item acme.Item
	if i.change.Deleted {
		item, err = r.instanceDeleted(ctx, c, i)
	} else {
		item, err = r.instanceEdited(ctx, c, i)
	}
	var fault *acmesync.Fault
	switch {
	case errors.As(err, &fault):
		r.order(newest, c, false)
		r.fail(c, *fault)
		return nil
	case err != nil:
		return r.later(c.page, []string{i.change.ID}, err)
	case item.ID == "": // nothing more is to be done about it
		r.order(newest, c, false)
		return nil
	}
	r.result.Wrote++
	// A look at it follows, as at any record that Acme tells of: fetch alone says what is known.
	r.commit.Hints = append(r.commit.Hints, acmesync.Key{Stream: acmesync.Appointments, AcmeID: item.ID})
	r.closeEvent(c)
	change := i.change
	r.add(newest, &candidate{
		key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: item.ID}, item: item, way: acmesync.ByHint, page: c.page, again: true, by: c.by,
		appID: change.ID, made: &change,
	})
	return nil
}

// closeEvent ends what was said of an event whose exception is counted in its place from now on.
func (r *round) closeEvent(c *candidate) {
	if !c.known {
		return
	}
	r.commit.Entries = append(r.commit.Entries, c.result)
	if c.entry.State == acmesync.Parked {
		r.commit.Closed = append(r.commit.Closed, acmesync.ClosedRecord{Key: c.key, How: "newer_version", By: "acmesync"})
		r.notices.add(acmesync.Fingerprint(c.key.Stream, c.entry.Code, c.entry.Field))
	}
}

// readSeries reads the series as it is now, and what it has at the instance.
func (r *round) readSeries(ctx context.Context, i *changed) (found bool, err error) {
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return false, err
	}
	batch, err := r.acme.BatchGet(ctx, acme.Appointments, []string{i.at.series})
	if err != nil || len(batch.Items) != 1 || batch.Items[0].Deleted {
		return false, err
	}
	if i.series, err = acme.DecodeAppointment(batch.Items[0].Raw); err != nil {
		return false, nil //nolint:nilerr // the series parks for that by itself
	}
	people, err := r.People.Contacts(ctx, r.fence, i.series.ContactIDs)
	if err != nil {
		return false, err
	}
	i.people = make(map[string]acme.Contact, len(people))
	for id, p := range people {
		if i.people[id], err = acme.DecodeContact(p.Body); err != nil {
			return false, err
		}
	}
	i.event, found = r.rules.InstanceEvent(i.series, named(i.people, i.series.ContactIDs), r.staff,
		mapping.Occasion{Now: r.pages[0].Claimed, Delivered: true}, i.at.original)
	i.event.ExternalID = i.change.ExternalID
	return found, nil
}

// instanceDeleted follows the tenant's rule for events that people delete.
func (r *round) instanceDeleted(ctx context.Context, c *candidate, i changed) (acme.Item, error) {
	switch r.rules.DeletedInApp() {
	case acmesync.FateKeep:
		c.result.State, c.result.Code = acmesync.Skipped, acmesync.DeletedInApp
		return acme.Item{}, nil
	case acmesync.FateMark:
		canceled := acme.Canceled
		return r.makeException(ctx, i, acme.AppointmentPatch{Status: &canceled})
	case acmesync.FateRemove:
	}
	c.result.State = acmesync.Deleted
	r.result.Wrote++
	return acme.Item{}, r.exclude(ctx, i.at)
}

// instanceEdited makes an exception of what people have changed; none where nothing of it travels.
func (r *round) instanceEdited(ctx context.Context, c *candidate, i changed) (acme.Item, error) {
	merged, known, note, err := r.mergeInstance(ctx, i, settledBy(c))
	if err != nil {
		return acme.Item{}, err
	}
	for _, conflict := range merged.Conflicts {
		if conflict.Winner == "" {
			fault := undecided(conflict.Field)
			return acme.Item{}, &fault
		}
	}
	r.overruleInstance(i, merged)
	if len(merged.ToAcme) == 0 {
		if !mapping.Same(i.event, *i.change.Event) {
			c.result.State, c.result.Code = acmesync.Skipped, acmesync.SeriesEditInApp
		}
		return acme.Item{}, r.bringInstance(ctx, i, merged)
	}
	c.result.Note(note)
	patch, err := r.rules.Patch(merged.ToAcme, *i.change.Event, r.staff)
	if err != nil {
		return acme.Item{}, err
	}
	for _, field := range merged.ToAcme {
		if field == "attendees" {
			ids := r.stay(i.series.ContactIDs, i.people, i.event, *i.change.Event)
			for _, id := range known {
				ids = appendNew(ids, id)
			}
			patch.ContactIDs = &ids
		}
	}
	return r.makeException(ctx, i, patch)
}

// bringInstance writes what the series has come to otherwise since into the event, beside what people have made of it.
func (r *round) bringInstance(ctx context.Context, i changed, merged mapping.Merged) error {
	if len(merged.AppFields) == 0 {
		return nil
	}
	if err := r.Ledger.DoubtInstances(ctx, r.fence, []acmesync.Instance{i.row}); err != nil {
		return err
	}
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	e := merged.ToApp
	e.ExternalID, e.Revision, e.IfVersion = i.change.ExternalID, revision, i.change.Version
	results, err := r.app.UpsertEvents(ctx, []app.Event{e})
	if err != nil {
		return err
	}
	switch res := results[0]; res.Status {
	case app.Created, app.Updated, app.Unchanged:
		row := i.row
		row.AppID, row.Revision, row.Mapped = res.ID, revision, mapping.EventHash(i.event)
		r.commit.Instances = append(r.commit.Instances, row)
		r.result.Wrote++
		return nil
	case app.Rejected:
		fault := rejected(res.Field)
		return &fault
	case app.Stale:
		return r.overtaken(ctx, res.Revision)
	default:
		return &app.Error{Kind: app.KindUnavailable, Op: "bring an instance", Err: errors.New(string(res.Status))}
	}
}

// overruleInstance keeps the values that lost, with the series.
func (r *round) overruleInstance(i changed, merged mapping.Merged) {
	for _, c := range merged.Conflicts {
		r.commit.TwoWay.Overruled = append(r.commit.TwoWay.Overruled, acmesync.Overruled{
			AcmeID: i.at.series, Field: c.Field, Policy: c.Policy, Winner: c.Winner, Lost: c.Lost,
		})
	}
}

// mergeInstance compares what people have made of an instance with what the series has there. The app was given what the series has,
// or else nobody remembers what: then the policies decide about all that differs.
func (r *round) mergeInstance(ctx context.Context, i changed, settled acmesync.Side) (m mapping.Merged, known []string, note acmesync.Code, err error) {
	state := mapping.State{Acme: i.event, App: i.event}
	if i.row.Mapped != mapping.EventHash(i.event) {
		state = mapping.State{Acme: *i.change.Event, App: i.event}
	}
	var strangers []app.Attendee
	var alone []app.Attendee
	for _, n := range r.rules.Unpaired(i.change.Event.Attendees, i.event.Attendees) {
		alone = append(alone, i.change.Event.Attendees[n])
	}
	ids, many, err := r.contactsOf(ctx, alone)
	if err != nil {
		return m, nil, "", err
	}
	for n, id := range ids {
		if id != "" {
			known = append(known, id)
			continue
		}
		strangers = append(strangers, alone[n])
		if note == "" || many[n] {
			note = unknownNote(many[n])
		}
	}
	newer := acmesync.AcmeSide
	if i.change.UpdatedAt.After(i.series.UpdatedAt) {
		newer = acmesync.AppSide
	}
	return r.rules.Merge(state, mapping.Sides{Acme: i.event, App: *i.change.Event, Newer: newer, Settled: settled, Strangers: strangers}), known, note, nil
}
