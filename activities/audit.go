package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
)

// An audit is work of both lanes. Fetch reads Acme's lists from their beginning, into the inbox like any page; deliver compares
// them with the ledger as it does with all pages, and notes what differed. Where nothing else waits, deliver goes on with what
// the lists did not show, then with what the app shows. Each step is committed by itself, so an audit survives whatever its lanes do.

// openAudit is the audit under way, as an attempt remembers it.
type openAudit struct {
	acmesync.Audit
	found bool
	idle  bool // it waits for something
	// restarts of its walks over the app, in this attempt: where places are lost again and again it is given up.
	restarts int
	looked   time.Time
}

// lookForAudit is how often an attempt without an audit looks whether there is one now.
const lookForAudit = time.Second

// auditStep does one step of the audit under way; failed is a failure of the app, for the table to judge.
func (l *deliverLane) auditStep(ctx context.Context) (worked progress, failed, err error) {
	if (!l.audit.found || l.audit.idle) && time.Since(l.audit.looked) < lookForAudit {
		return idle, nil, nil
	}
	if err := l.lookAtAudit(ctx); err != nil || !l.audit.found {
		return idle, nil, err
	}
	leave, err := l.enter(ctx, acmesync.Backfill)
	if err != nil {
		return idle, nil, err
	}
	defer leave()
	a := l.audit.Audit
	switch {
	case a.State == acmesync.AuditComparing:
		failed, err = l.auditEvents(ctx, a)
	case a.State == acmesync.AuditCounting:
		failed, err = l.auditCounts(ctx, a)
	case a.ReadsLists && a.State == acmesync.AuditReading, a.Waiting:
		l.audit.idle = true
		return idle, nil, nil
	case a.State == acmesync.AuditReading:
		err = l.compareLists(ctx, a)
	case a.State == acmesync.AuditAsking:
		err = l.Audits.EndAsking(ctx, l.fence, a.ID)
	default:
		err = l.Audits.EndAudit(ctx, l.fence, a.ID)
	}
	if err != nil || failed != nil {
		return idle, failed, err
	}
	return busy, nil, nil
}

// walkRefused decides about a page of the app's that the app will never answer: a place that it does not know any more is left, and an
// audit that it refuses altogether is given up. The app is not held for either: it takes what is delivered. Any other failure comes back
// for the table to judge.
func (l *deliverLane) walkRefused(ctx context.Context, a acmesync.Audit, refused error) (failed, err error) {
	if kind := sortFailure(refused).kind; kind != acmesync.Rejected && kind != acmesync.Gone {
		return refused, nil
	}
	l.log.Warn("the app refuses an audit's walk", "state", a.State, "error", refused)
	if l.audit.restarts++; a.Cursor != "" && l.audit.restarts <= maxRestarts {
		return nil, l.Audits.RestartWalk(ctx, l.fence, a.ID, a.State)
	}
	if err := l.Audits.CancelAudit(ctx, l.fence.Tenant, a.ID, "acmesync: the app refuses to list what it has"); err != nil {
		return nil, err
	}
	return nil, acmesync.ErrEpoch // it was raised
}

// listsRead tells that an audit's walks have come to their ends.
func listsRead(positions []acmesync.Position) bool {
	read := false
	for _, p := range positions {
		if auditing(p) {
			return false
		}
		read = read || p.Audit != ""
	}
	return read
}

func (l *deliverLane) lookAtAudit(ctx context.Context) error {
	a, found, err := l.Audits.OpenAudit(ctx, l.fence)
	if err != nil {
		return err
	}
	l.audit = openAudit{Audit: a, found: found, looked: time.Now(), restarts: l.audit.restarts}
	return nil
}

// compareLists ends the walk over Acme's lists, has what they do not show asked for, and tells the reviews that the guard has opened.
func (l *deliverLane) compareLists(ctx context.Context, a acmesync.Audit) error {
	withheld, err := l.Audits.CompareLists(ctx, l.fence, a.ID)
	for _, stream := range withheld {
		l.notices.add(acmesync.Fingerprint(stream, acmesync.MassDelete, "list"))
	}
	l.wake(ctx, acmesync.Fetch)
	return err
}

// noteDifference notes what an audited record has come to, where the ledger had it otherwise. One that has changed since the audit
// began is news, and would have come by itself.
func (r *round) noteDifference(c *candidate) {
	if !c.audited || !r.audit.found || c.item.UpdatedAt.After(r.audit.StartedAt.Add(-overlap)) {
		return
	}
	d := acmesync.Difference{Side: acmesync.AcmeSide, Stream: c.key.Stream, ID: c.key.AcmeID, Outcome: acmesync.DiffHealed}
	if c.result.State == acmesync.Parked {
		d.Outcome = acmesync.DiffParked
	}
	switch {
	case !c.known:
		d.Kind = acmesync.DiffMissing
	case c.item.Version > c.entry.Version:
		d.Kind = acmesync.DiffBehind
	case c.result.State != c.entry.State, c.result.Code != c.entry.Code, c.result.Mapped != c.entry.Mapped:
		d.Kind = acmesync.DiffOutdated
	default:
		return
	}
	r.commit.Audit = r.audit.ID
	r.commit.Differences = append(r.commit.Differences, d)
}

// noteAlive has a record asked for by id that was taken for gone and stands in Acme's list.
func (r *round) noteAlive(c *candidate) {
	if !c.audited || !r.audit.found || c.item.Version != c.entry.Version {
		return
	}
	r.commit.Audit = r.audit.ID
	r.commit.Differences = append(r.commit.Differences, acmesync.Difference{
		Side: acmesync.AcmeSide, Stream: c.key.Stream, ID: c.key.AcmeID, Kind: acmesync.DiffAlive, Outcome: acmesync.DiffOpen,
	})
	r.commit.Hints = append(r.commit.Hints, c.key)
}

// auditing tells that a page belongs to an audit's walk.
func auditing(p acmesync.Position) bool { return p.Audit != "" && !p.Backfilled }

// auditAfterAbsence begins an audit of its own where a stream was not read for longer than Acme remembers deletes: no list will
// ever tell of those.
func (l *fetchLane) auditAfterAbsence(ctx context.Context, p acmesync.Position) error {
	const remembered = (acmesync.DeletesKeptForDays - 1) * 24 * time.Hour
	if !p.Backfilled || p.Audit != "" || p.Stream == acmesync.AppEvents || p.Stream == acmesync.FilesStream || p.Stream == acmesync.Contacts || p.PolledAgo < remembered.Seconds() {
		return nil
	}
	_, err := l.Tenants.Apply(ctx, l.fence.Tenant, acmesync.Command{
		ID: "audit/absence/" + p.Now.UTC().Format("2006-01-02T15"), Name: acmesync.AuditAll, Actor: "acmesync",
		Reason: "Acme was not read for longer than it remembers deletes",
	})
	var conflict *acmesync.Conflict
	if errors.As(err, &conflict) && conflict.Code == "audit_running" {
		return nil // it will find them
	}
	if err != nil {
		return err
	}
	return acmesync.ErrEpoch // the walks have been set back
}
