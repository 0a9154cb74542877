package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"
)

// Again after 2, 10, 60 seconds: a list that lags behind, a record that is not there yet.
var hintAgain = []time.Duration{2 * time.Second, 10 * time.Second, time.Minute}

// hints reads the records that hints name.
func (l *fetchLane) hints(ctx context.Context) (progress, error) {
	hints, err := l.Inbox.ClaimHints(ctx, l.fence, hintsAtOnce)
	if err != nil || len(hints) == 0 {
		return idle, err
	}
	claimed := len(hints)
	if hints, err = l.endOff(ctx, hints); err != nil {
		return idle, err
	}
	leave, err := l.enter(ctx, acmesync.Live)
	if err != nil {
		return idle, err
	}
	defer leave()
	byStream := map[acmesync.Stream][]acmesync.Hint{}
	for _, h := range hints {
		byStream[h.Key.Stream] = append(byStream[h.Key.Stream], h)
	}
	for stream, named := range byStream {
		if stream == acmesync.AppEvents {
			if err := l.appHints(ctx, named); err != nil {
				return busy, err
			}
			continue
		}
		if err := l.readHints(ctx, stream, named); err != nil {
			return busy, err
		}
		// What is read by id says nothing about a list that is held.
		if err := l.release(ctx, acmesync.DependsOnAcme, ""); err != nil {
			return busy, err
		}
	}
	worked := busy
	if claimed < hintsAtOnce {
		worked = settled
	}
	return worked, nil
}

// readHints reads one stream's hints by id, at most a batch at a time; several hints of one record are one read.
func (l *fetchLane) readHints(ctx context.Context, stream acmesync.Stream, hints []acmesync.Hint) error {
	byID := map[string][]acmesync.Hint{}
	var ids []string
	for _, h := range hints {
		if len(byID[h.Key.AcmeID]) == 0 {
			ids = append(ids, h.Key.AcmeID)
		}
		byID[h.Key.AcmeID] = append(byID[h.Key.AcmeID], h)
	}
	for len(ids) > 0 {
		n := min(len(ids), acme.MaxBatch)
		if err := l.readBatch(ctx, stream, ids[:n], byID); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// readBatch reads ids together. A batch that makes a healthy Acme fail three times is halved; one id failing alone parks.
func (l *fetchLane) readBatch(ctx context.Context, stream acmesync.Stream, ids []string, byID map[string][]acmesync.Hint) error {
	batch, err := l.batchGet(ctx, stream, ids, true)
	if err == nil {
		l.failedAlone = 0
		if err := l.settleHints(ctx, stream, ids, batch, byID); err != nil {
			return err
		}
		l.look(ctx, stream, batch.Items)
		return nil
	}
	if !l.oneIsAtFault(ctx, err) {
		return err
	}
	if len(ids) > 1 {
		if err := l.readBatch(ctx, stream, ids[:len(ids)/2], byID); err != nil {
			return err
		}
		return l.readBatch(ctx, stream, ids[len(ids)/2:], byID)
	}
	if l.failedAlone++; l.failedAlone > 1 {
		return err // two in a row, alone, are no longer a matter of one record
	}
	l.log.Error("a record makes Acme fail; it is parked", "stream", stream, "acme_id", ids[0])
	var ended []acmesync.EndedHint
	for _, h := range byID[ids[0]] {
		ended = append(ended, acmesync.EndedHint{Envelope: h.Envelope, Column: acmesync.CountParked, Outcome: acmesync.SourceError})
	}
	if stream == acmesync.Contacts {
		return l.commit(ctx, acmesync.Fetched{Ended: ended})
	}
	return l.commit(ctx, acmesync.Fetched{
		Ended:  ended,
		Orders: []acmesync.Order{{Action: acmesync.OrderPark, Stream: stream, IDs: ids, Code: acmesync.SourceError}},
	})
}

// Suspicion needs more than one failure, and a record alone more than a batch.
const (
	batchTries     = 3
	aloneTries     = 5
	suspicionPause = 500 * time.Millisecond // grows with each try: a short weakness of Acme's is not a record's fault
)

// oneIsAtFault tells a record that Acme fails on or refuses from an Acme that fails.
func (l *fetchLane) oneIsAtFault(ctx context.Context, err error) bool {
	f := sortFailure(err)
	if f.dependency == acmesync.DependsOnAcme && f.kind == acmesync.Rejected {
		return true
	}
	return f.sick && l.healthy(ctx)
}

func (l *fetchLane) batchGet(ctx context.Context, stream acmesync.Stream, ids []string, live bool) (acme.Batch, error) {
	tries := batchTries
	if len(ids) == 1 {
		tries = aloneTries
	}
	for try := 1; ; try++ {
		for range l.acme.Requests(acme.Resource(stream), len(ids)) {
			if err := l.budget.take(ctx, l.attempt, live); err != nil {
				return acme.Batch{}, err
			}
		}
		batch, err := l.acme.BatchGet(ctx, acme.Resource(stream), ids)
		var fromAcme *acme.Error
		if err == nil || try == tries || !errors.As(err, &fromAcme) || !fromAcme.Sick || fromAcme.Code == acme.CodeTimeout {
			return batch, err
		}
		if err := l.pause(ctx, time.Duration(try)*suspicionPause); err != nil {
			return acme.Batch{}, err
		}
	}
}

// settleHints ends the hints that this read satisfied and puts the others off.
func (l *fetchLane) settleHints(ctx context.Context, stream acmesync.Stream, ids []string, batch acme.Batch, byID map[string][]acmesync.Hint) error {
	contacts, err := l.contactsOf(ctx, stream, batch.Items, true)
	if err != nil {
		return err
	}
	r := l.fetched(stream, acmesync.ByHint, acmesync.Live, batch.Items, contacts, nil)
	for _, item := range batch.Items {
		settleFound(&r, item, byID[item.ID])
	}
	if err := l.settleMissing(ctx, &r, stream, batch.Missing, byID); err != nil {
		return err
	}
	settleUnnamed(&r, ids, batch, byID)
	return l.commit(ctx, r)
}

// settleUnnamed: a record that came without a usable id is neither found nor missing. It is parked as it came; its hint is
// tried a few times more and then ends with it.
func settleUnnamed(r *acmesync.Fetched, ids []string, batch acme.Batch, byID map[string][]acmesync.Hint) {
	named := make(map[string]bool, len(ids))
	for _, item := range batch.Items {
		named[item.ID] = true
	}
	for _, id := range batch.Missing {
		named[id] = true
	}
	for _, id := range ids {
		if named[id] {
			continue
		}
		for _, h := range byID[id] {
			if h.Tries < len(hintAgain) {
				r.Later = append(r.Later, acmesync.LaterHint{Envelope: h.Envelope, After: hintAgain[h.Tries]})
				continue
			}
			r.Ended = append(r.Ended, acmesync.EndedHint{Envelope: h.Envelope, Column: acmesync.CountParked, Outcome: acmesync.Unreadable})
		}
	}
}

// settleFound: a hint that names a version is satisfied by that version or a newer one only.
func settleFound(r *acmesync.Fetched, item acme.Item, hints []acmesync.Hint) {
	column := acmesync.CountDone
	for _, h := range hints {
		if h.Version > item.Version && h.Tries < len(hintAgain) {
			r.Later = append(r.Later, acmesync.LaterHint{Envelope: h.Envelope, After: hintAgain[h.Tries]})
			continue
		}
		r.Ended = append(r.Ended, acmesync.EndedHint{Envelope: h.Envelope, Column: column})
		column = acmesync.CountSuperseded
	}
}

// settleMissing: a record that is not there is a tombstone if it was known, or not there three times.
func (l *fetchLane) settleMissing(ctx context.Context, r *acmesync.Fetched, stream acmesync.Stream, missing []string, byID map[string][]acmesync.Hint) error {
	if len(missing) == 0 {
		return nil
	}
	entries, err := l.Ledger.Ledger(ctx, l.fence, stream, missing)
	if err != nil {
		return err
	}
	absent := acmesync.Absent{Stream: stream}
	for _, id := range missing {
		entry, known := entries[id]
		column := acmesync.CountDone
		for _, h := range byID[id] {
			if !known && h.Tries < len(hintAgain)-1 {
				r.Later = append(r.Later, acmesync.LaterHint{Envelope: h.Envelope, After: hintAgain[h.Tries]})
				continue
			}
			r.Ended = append(r.Ended, acmesync.EndedHint{Envelope: h.Envelope, Column: column, Outcome: acmesync.EndedGone})
			column = acmesync.CountSuperseded
		}
		if known && entry.State != acmesync.Deleted {
			absent.IDs = append(absent.IDs, id)
		}
	}
	if len(absent.IDs) > 0 {
		r.Absent = append(r.Absent, absent)
	}
	return nil
}
