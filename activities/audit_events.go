package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"

	"go.temporal.io/sdk/activity"
)

// auditPage is how many events or counts one step of an audit reads.
const auditPage = 500

// auditEvents compares one page of the app's events with what the ledger says was delivered. Only this lane delivers, so nothing
// moves between the reading of the page and of the ledger.
func (l *deliverLane) auditEvents(ctx context.Context, a acmesync.Audit) (failed, err error) {
	activity.RecordHeartbeat(ctx, l.result)
	page, failed := l.app.Events(ctx, app.EventQuery{Cursor: a.Cursor, Limit: auditPage})
	if failed != nil {
		return l.walkRefused(ctx, a, failed)
	}
	e := &auditedEvents{deliverLane: l, step: acmesync.Audited{Audit: a.ID, Cursor: page.NextCursor, Last: page.NextCursor == ""}}
	for _, event := range page.Events {
		if id, ours := acmesync.AcmeIDOf(l.fence.Connection, event.ExternalID); ours {
			e.shown = append(e.shown, shownEvent{id: id, event: event})
			e.step.Seen = append(e.step.Seen, event.ID)
		}
	}
	if err := e.read(ctx); err != nil {
		return nil, err
	}
	for _, s := range e.shown {
		e.compare(s)
	}
	if failed, err := e.removeExtra(ctx); failed != nil || err != nil {
		return failed, err
	}
	if err := l.Audits.CommitAudit(ctx, l.fence, acmesync.AuditComparing, e.step); err != nil {
		return nil, err
	}
	if len(e.step.Hints) > 0 {
		l.wake(ctx, acmesync.Fetch)
	}
	return nil, nil
}

// shownEvent is an event of ours in the app: of a record, or of an instance of a series.
type shownEvent struct {
	id    string // Acme's id, or that of an instance
	event app.StoredEvent
}

// auditedEvents is one page of the walk with what is known about it.
type auditedEvents struct {
	*deliverLane
	step      acmesync.Audited
	shown     []shownEvent
	entries   map[string]acmesync.LedgerEntry
	instances map[string]acmesync.Instance // by their ids
	agreed    map[string]string            // hashes of what both sides agreed on, of tenants that sync both ways
	extra     []shownEvent
}

func (e *auditedEvents) read(ctx context.Context) (err error) {
	ids := make([]string, 0, len(e.shown))
	var places []acmesync.Instance
	for _, s := range e.shown {
		ids = append(ids, s.id)
		if series, original, ok := cutInstance(s.id); ok {
			places = append(places, acmesync.Instance{Series: series, Original: original})
		}
	}
	if e.entries, err = e.Ledger.Ledger(ctx, e.fence, acmesync.Appointments, ids); err != nil {
		return err
	}
	rows, err := e.Ledger.Instances(ctx, e.fence, nil, places)
	if err != nil {
		return err
	}
	e.instances = make(map[string]acmesync.Instance, len(rows))
	for _, i := range rows {
		e.instances[acmesync.InstanceID(i.Series, i.Original)] = i
	}
	e.agreed = map[string]string{}
	if !e.bothWays() {
		return nil
	}
	exceptions := map[string]string{} // by their own ids: those of the instances they stand for
	for _, i := range rows {
		if i.Holder != i.Series {
			exceptions[i.Holder], ids = acmesync.InstanceID(i.Series, i.Original), append(ids, i.Holder)
		}
	}
	agreed, err := e.TwoWay.Agreed(ctx, e.fence, ids)
	if err != nil {
		return err
	}
	for id, a := range agreed {
		var state mapping.State
		if err := json.Unmarshal(a.Body, &state); err != nil {
			return fmt.Errorf("open what was agreed: %w", err)
		}
		if shown := exceptions[id]; shown != "" {
			id = shown
		}
		state.App.ExternalID = acmesync.ExternalID(e.fence.Connection, id)
		e.agreed[id] = mapping.EventHash(state.App)
	}
	return nil
}

// cutInstance takes the id of an instance apart; a record's own id may look like one.
func cutInstance(id string) (series, original string, ok bool) {
	slash := strings.LastIndexByte(id, '/')
	if slash < 0 {
		return "", "", false
	}
	return id[:slash], id[slash+1:], true
}

// compare decides about one event. Who it is, is told by its external id; what it says, by the hash that the ledger keeps.
func (e *auditedEvents) compare(s shownEvent) {
	hash := mapping.EventHash(s.event.Event)
	entry, known := e.entries[s.id]
	instance, placed := e.instances[s.id]
	agreed, both := e.agreed[s.id]
	switch {
	case both && (placed && instance.AppID != "" || known && entry.Steps&seriesSteps == 0 && entry.Steps >= acmesync.StepWritten):
		if hash != agreed {
			e.differs(s, acmesync.DiffChanged)
			e.step.Orders = append(e.step.Orders, acmesync.Order{Action: acmesync.OrderMerge, Stream: acmesync.AppEvents, IDs: []string{s.event.ID}})
		}
	case known && entry.Steps&seriesSteps == 0 && entry.Steps >= acmesync.StepWritten:
		if entry.Mapped != "" && entry.Mapped != hash {
			e.differs(s, acmesync.DiffChanged)
			e.step.Doubt = append(e.step.Doubt, entry.Key)
			e.step.Hints = append(e.step.Hints, entry.Key)
		}
	case placed && instance.AppID != "":
		if instance.Mapped != "" && instance.Mapped != hash {
			e.differs(s, acmesync.DiffChanged)
			e.step.Lost = append(e.step.Lost, instance)
			e.step.Hints = append(e.step.Hints, acmesync.Key{Stream: acmesync.Appointments, AcmeID: instance.Holder})
		}
	case placed: // a write or a removal of it was begun: its record will end it
	default:
		e.extra = append(e.extra, s)
	}
}

func (e *auditedEvents) differs(s shownEvent, kind acmesync.DifferenceKind) {
	e.step.Differences = append(e.step.Differences, acmesync.Difference{
		Side: acmesync.AppSide, Stream: acmesync.Appointments, ID: s.id, Kind: kind, Outcome: acmesync.DiffOpen,
	})
}

// removeExtra takes out of the app what nothing has delivered. A record that the ledger does not know is asked for in Acme first:
// the ledger may be the one that has forgotten.
func (e *auditedEvents) removeExtra(ctx context.Context) (failed, err error) {
	var unknown []string
	for _, s := range e.extra {
		if _, known := e.entries[s.id]; !known {
			unknown = append(unknown, recordOf(s.id))
		}
	}
	there, err := e.inAcme(ctx, unknown)
	if err != nil {
		return nil, err
	}
	var refs []app.EventRef
	var removed []shownEvent
	for _, s := range e.extra {
		_, known := e.entries[s.id]
		record := recordOf(s.id)
		if !known && there[record] {
			e.step.Hints = append(e.step.Hints, acmesync.Key{Stream: acmesync.Appointments, AcmeID: record})
			if record == s.id { // it will be linked as it is delivered; of a series each instance is written anew
				e.differs(s, acmesync.DiffMissing)
				continue
			}
		}
		refs, removed = append(refs, app.EventRef{ExternalID: s.event.ExternalID}), append(removed, s)
	}
	if len(refs) == 0 {
		return nil, nil
	}
	revision, err := e.nextRevision()
	if err != nil {
		return nil, err
	}
	for i := range refs {
		refs[i].Revision = revision
	}
	results, failed := e.app.DeleteEvents(ctx, refs)
	if failed != nil {
		return failed, nil
	}
	for i, s := range removed {
		d := acmesync.Difference{Side: acmesync.AppSide, Stream: acmesync.Appointments, ID: s.id, Kind: acmesync.DiffExtra, Outcome: acmesync.DiffOpen}
		if status := results[i].Status; status == app.Deleted || status == app.Absent {
			d.Outcome = acmesync.DiffHealed
			e.result.Wrote++
		}
		e.step.Differences = append(e.step.Differences, d)
	}
	return nil, nil
}

// recordOf is the record behind an event's id.
func recordOf(id string) string {
	if series, _, ok := cutInstance(id); ok {
		return series
	}
	return id
}

// inAcme tells which records Acme shows when it is asked for them by id. While it does not answer, all of them are taken to be
// there: nothing is removed on a guess.
func (e *auditedEvents) inAcme(ctx context.Context, ids []string) (there map[string]bool, err error) {
	there = map[string]bool{}
	for len(ids) > 0 {
		n := min(len(ids), acme.MaxBatch)
		for range e.acme.Requests(acme.Appointments, n) {
			if err := e.budget.take(ctx, e.attempt, false); err != nil {
				return nil, err
			}
		}
		batch, failed := e.acme.BatchGet(ctx, acme.Appointments, ids[:n])
		if failed != nil {
			e.log.Warn("Acme was not asked whether it has events of the app", "error", failed)
			for _, id := range ids[:n] {
				there[id] = true
			}
		}
		for _, item := range batch.Items {
			there[item.ID] = !item.Deleted
		}
		ids = ids[n:]
	}
	return there, nil
}
