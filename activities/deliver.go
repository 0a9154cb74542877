package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// Deliver is the lane that brings the inbox to the app: the only writer to the app and to the ledger.
func (a *Activities) Deliver(ctx context.Context, in LaneInput) (LaneResult, error) {
	return a.run(ctx, in.Tenant, acmesync.Deliver, func(at *attempt) (lane, error) {
		rules, err := a.rulesOf(at.tenant, at.connection)
		return &deliverLane{attempt: at, rules: rules, budget: budget{Budgets: a.Budgets, owner: at.connection.LimitOwner}}, err
	})
}

// deliverLane is one attempt of the deliver lane.
type deliverLane struct {
	*attempt
	rules    *mapping.Rules
	budget   budget            // of requests to Acme
	priority acmesync.Priority // of the last claim: what the next one waits for its turn as
	writes   int64             // counts this attempt's requests to the app: the low part of revisions
	staff    mapping.Staff
	stamp    string    // which reading of both sides' users the staff was made of
	looked   time.Time // when it was last looked whether the app's users are due
	counted  bool      // no count is due: all were sent, and no fact has moved since
	lowWater lowWater

	audit    openAudit
	refusals map[acmesync.Key]acmesync.Refusal // what the app did not take when it was last asked; nil: not read yet
}

// One round: what is claimed, written and committed together.
const (
	roundRecords = 2000
	roundBytes   = 4 << 20
	pagesOfMore  = 20 // envelopes in a round that say that more may be waiting
)

func (l *deliverLane) step(ctx context.Context) (progress, error) {
	held, err := l.appHeld(ctx)
	if err != nil || held {
		return idle, err
	}
	if err := l.refreshStaff(ctx); err != nil {
		return idle, l.judge(ctx, "", err)
	}
	// The permit comes before the claim: what waits for its turn is neither opened nor counted as tried.
	leave, err := l.enter(ctx, l.priority)
	if err != nil {
		return idle, err
	}
	worked, failed, err := l.claimRound(ctx)
	leave()
	if err == nil && failed == nil && worked == idle {
		worked, failed, err = l.auditStep(ctx)
	}
	if err != nil || failed == nil {
		return worked, err
	}
	return worked, l.judge(ctx, "", failed)
}

// claimRound claims what is due and works it off; failed is the failure of the app that stopped it, for the table to judge.
func (l *deliverLane) claimRound(ctx context.Context) (worked progress, failed, err error) {
	pages, err := l.Inbox.ClaimPages(ctx, l.fence, roundRecords, roundBytes)
	if err != nil || len(pages) == 0 {
		l.priority = acmesync.Live
		return idle, nil, err
	}
	l.priority = pages[0].Priority
	if err := l.loadStaff(ctx, pages[0].StaffStamp); err != nil {
		return idle, nil, err
	}
	if err := l.loadRefusals(ctx); err != nil {
		return idle, nil, err
	}
	if !l.audit.found && slices.ContainsFunc(pages, func(p acmesync.Page) bool { return p.Way == acmesync.ByAudit }) {
		if err := l.lookAtAudit(ctx); err != nil {
			return idle, nil, err
		}
	}
	worked = busy
	if l.priority == acmesync.Live && len(pages) < pagesOfMore {
		worked = settled
	}
	failed, err = l.round(ctx, pages)
	if err != nil || failed != nil || worked != busy {
		return worked, failed, err
	}
	crossed, err := l.lowWater.crossed(ctx, l.Inbox, l.fence.Tenant)
	if crossed {
		l.wake(ctx, acmesync.Fetch)
	}
	return worked, nil, err
}

// tail sends the counts that changed, and notices when the first sync is complete.
func (l *deliverLane) tail(ctx context.Context) error {
	held, err := l.appHeld(ctx)
	if err != nil || held {
		return err
	}
	if !l.counted {
		if err := l.sendCounts(ctx); err != nil {
			return l.judge(ctx, "", err)
		}
		l.counted = true
	}
	return l.noticeComplete(ctx)
}

func (l *deliverLane) appHeld(ctx context.Context) (bool, error) {
	held, err := l.heldNow(ctx, acmesync.DependsOnApp)
	l.result.Held = slices.Contains(held, "")
	return l.result.Held, err
}

// refreshStaff reads the app's users when they are due, and matches both sides anew though no page may have come.
func (l *deliverLane) refreshStaff(ctx context.Context) error {
	if time.Since(l.looked) < prepareAgain {
		return nil
	}
	stale, stamp, err := l.People.StaffStale(ctx, l.fence, acmesync.AppUserPerson)
	if err == nil && stale {
		if err = l.readAppUsers(ctx); err == nil {
			_, stamp, err = l.People.StaffStale(ctx, l.fence, acmesync.AppUserPerson)
		}
	}
	if err == nil {
		err = l.loadStaff(ctx, stamp)
	}
	if err == nil {
		l.looked = time.Now()
	}
	return err
}

func (l *deliverLane) readAppUsers(ctx context.Context) error {
	users, err := l.app.Users(ctx)
	if err != nil {
		return err
	}
	people := make([]acmesync.Person, len(users))
	for i, u := range users {
		body, err := json.Marshal(u)
		if err != nil {
			return fmt.Errorf("keep a user of the app: %w", err)
		}
		people[i] = acmesync.Person{Kind: acmesync.AppUserPerson, ID: u.ID, Hash: hashOf(body), Email: u.Email, Body: body}
	}
	return l.People.CommitStaff(ctx, l.fence, acmesync.AppUserPerson, people)
}

// loadStaff matches both sides' users anew whenever either was read. Pages come only after Acme's users were, so a round
// never maps with a list that is older than its records.
func (l *deliverLane) loadStaff(ctx context.Context, stamp string) error {
	if stamp == l.stamp {
		return nil
	}
	ours, err := l.People.Staff(ctx, l.fence, acmesync.UserPerson)
	if err != nil {
		return err
	}
	theirs, err := l.People.Staff(ctx, l.fence, acmesync.AppUserPerson)
	if err != nil {
		return err
	}
	var users []acme.User
	for _, p := range ours {
		u, err := acme.DecodeUser(p.Body)
		if err != nil {
			return fmt.Errorf("open a user of Acme's: %w", err)
		}
		users = append(users, u)
	}
	var appUsers []app.User
	for _, p := range theirs {
		var u app.User
		if err := json.Unmarshal(p.Body, &u); err != nil {
			return fmt.Errorf("open a user of the app: %w", err)
		}
		appUsers = append(appUsers, u)
	}
	staff, matches := l.rules.Staff(users, appUsers), make(map[string]string, len(users))
	for id := range l.tenant.Config.People.Owners { // Acme's list may know nothing of them any more
		matches[id] = l.rules.OwnerKey(staff, id)
	}
	for _, u := range users {
		matches[u.ID] = l.rules.OwnerKey(staff, u.ID)
	}
	moved, err := l.People.CommitMatches(ctx, l.fence, matches)
	if err != nil {
		return err
	}
	if moved > 0 {
		l.wake(ctx, acmesync.Fetch)
	}
	if err := l.recount(ctx, staff, appUsers); err != nil {
		return err
	}
	l.staff, l.stamp = staff, stamp
	return nil
}

// staffKey is what the mapping knows of one of Acme's users.
func (l *deliverLane) staffKey(acmeUserID string) string {
	match, known := l.staff.AppUser(acmeUserID)
	if !known && !l.staff.Known(acmeUserID) {
		return ""
	}
	return l.rules.OwnerKey(l.staff, acmeUserID) + "\x00" + match.TimeZone
}

// nextRevision orders the next request to the app after all before it.
func (l *deliverLane) nextRevision() (int64, error) {
	if l.writes >= acmesync.MaxWrites {
		return 0, acmesync.ErrEpoch // the next attempt has revisions again
	}
	l.writes++
	return l.fence.Revision(l.writes), nil
}
