package activities

import (
	"context"
	"slices"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// appNews makes candidates of the app's events that people have changed: of those that come from Acme with Acme's record as
// it is now, of those that were made in the app with what is to be made of them in Acme.
func (r *round) appNews(ctx context.Context, page int, o acmesync.Order, newest map[acmesync.Key]*candidate) error {
	if !r.bothWays() {
		for range o.IDs {
			r.count(page, done)
		}
		return nil
	}
	changes, err := r.app.ChangesOf(ctx, o.IDs, nil)
	if err != nil {
		return r.later(page, o.IDs, err)
	}
	linked := map[string]app.Change{} // by Acme's id
	var acmeIDs []string
	var made, instances []app.Change // in the app; of series
	answered := map[string]bool{}
	for _, change := range changes {
		answered[change.ID] = true
		acmeID, ours := acmesync.AcmeIDOf(r.fence.Connection, change.ExternalID)
		switch {
		case change.ExternalID == "":
			made = append(made, change)
		case !ours:
			r.count(page, done)
		case strings.Contains(acmeID, "/"):
			instances = append(instances, change)
		default:
			linked[acmeID], acmeIDs = change, append(acmeIDs, acmeID)
		}
	}
	for _, id := range o.IDs {
		if !answered[id] {
			r.count(page, done)
		}
	}
	if err := r.born(ctx, page, o, made, newest); err != nil {
		return err
	}
	taken, err := r.instanceNews(ctx, page, o, instances, newest)
	if err != nil {
		return err
	}
	for id, change := range taken { // an exception stands for it
		if _, twice := linked[id]; !twice {
			linked[id], acmeIDs = change, append(acmeIDs, id)
		}
	}
	return r.linkedNews(ctx, page, o, linked, acmeIDs, newest)
}

func (r *round) linkedNews(ctx context.Context, page int, o acmesync.Order, linked map[string]app.Change, ids []string, newest map[acmesync.Key]*candidate) error {
	if len(ids) == 0 {
		return nil
	}
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return err
	}
	batch, err := r.acme.BatchGet(ctx, acme.Appointments, ids)
	if err != nil {
		appIDs := make([]string, len(ids))
		for i, id := range ids {
			appIDs[i] = linked[id].ID
		}
		return r.later(page, appIDs, err)
	}
	unknown, err := r.unknownPeople(ctx, batch.Items)
	if err != nil {
		return err
	}
	for _, item := range batch.Items {
		change, asked := linked[item.ID]
		if !asked {
			continue
		}
		if unknown[item.ID] {
			delete(linked, item.ID)
			r.ends[page].Rest = append(r.ends[page].Rest, change.ID)
			r.commit.Hints = append(r.commit.Hints, acmesync.Key{Stream: acmesync.Appointments, AcmeID: item.ID})
			continue
		}
		delete(linked, item.ID)
		key := acmesync.Key{Stream: acmesync.Appointments, AcmeID: item.ID}
		if before, twice := newest[key]; twice && before.given {
			r.ends[page].Rest = append(r.ends[page].Rest, change.ID)
			continue
		}
		r.add(newest, &candidate{key: key, item: item, way: acmesync.ByHint, page: page, again: true, by: o, appID: change.ID})
	}
	var missing []string
	for id, change := range linked {
		if _, twice := newest[acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}]; twice {
			r.ends[page].Rest = append(r.ends[page].Rest, change.ID)
			continue
		}
		missing = append(missing, id)
	}
	if err := r.gone(ctx, page, acmesync.Order{Action: acmesync.OrderGone, Stream: acmesync.Appointments, IDs: missing}, newest); err != nil {
		return err
	}
	for _, id := range missing {
		if c := newest[acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}]; c != nil {
			c.appID = linked[id].ID
		}
	}
	return nil
}

// unknownPeople tells which appointments have news that fetch has not brought yet, with people it has not read: mapped now,
// they would lose them.
func (r *round) unknownPeople(ctx context.Context, items []acme.Item) (map[string]bool, error) {
	var people, ids []string
	for _, item := range items {
		people = append(people, item.ContactIDs...)
	}
	if len(people) == 0 {
		return nil, nil
	}
	missing, err := r.People.UnknownContacts(ctx, r.fence, people)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	versions := map[string]int64{}
	for _, item := range items {
		if slices.ContainsFunc(item.ContactIDs, func(id string) bool { return slices.Contains(missing, id) }) {
			ids, versions[item.ID] = append(ids, item.ID), item.Version
		}
	}
	entries, err := r.Ledger.Ledger(ctx, r.fence, acmesync.Appointments, ids)
	if err != nil {
		return nil, err
	}
	unknown := map[string]bool{}
	for _, id := range ids {
		unknown[id] = versions[id] > entries[id].Version
	}
	return unknown, nil
}

// later leaves an order's events to another round because one side does not answer now. The app's failure is for the table.
func (r *round) later(page int, appIDs []string, err error) error {
	f := sortFailure(err)
	if f.verdict() == repeat {
		return err
	}
	r.ends[page].Rest = append(r.ends[page].Rest, appIDs...)
	for range appIDs {
		r.again(page, max(acmeAgain, f.retryAfter))
	}
	if f.dependency == acmesync.DependsOnApp || f.verdict() == reauth {
		r.late = err
		return nil
	}
	r.acmeDown = true
	r.log.Warn("Acme does not answer for what people have changed in the app; it is asked again", "kind", f.kind)
	return nil
}
