package db_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// victim is a tenant that has something everywhere, and what an intruder would have to know of it.
type victim struct {
	id             acmesync.TenantID
	endpoint       string
	fetch, deliver acmesync.Fence
	fingerprint    string
	pages          []acmesync.Page
	hints          []acmesync.Hint
	cells          []acmesync.Cell
	cleanup        acmesync.Cleanup
	imported       acmesync.Import
	version        int64 // of its configuration
	audit          string
}

// intrusion calls one method for the victim and answers what it has read: nothing at all is a zero or empty value.
type intrusion func(ctx context.Context, d *db.DB, v victim) (read any, err error)

func wrote(err error) (any, error) { return nil, err }

// intrusions are all methods that work for one tenant.
var intrusions = map[string]intrusion{
	"Agreed": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Agreed(ctx, v.deliver, []string{"canary-in-step"})
	},
	"AppHookSecrets": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.AppHookSecrets(ctx, v.id) },
	"AppSubscriptionDue": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		id, _, err := d.AppSubscriptionDue(ctx, v.fetch)
		return id, err
	},
	"CommitAppSubscription": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitAppSubscription(ctx, v.fetch, "sub_intruder", "whsec_intruder", time.Hour))
	},
	"CommitTwoWay": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitTwoWay(ctx, v.deliver, acmesync.TwoWay{
			Agreed:    []acmesync.Agreed{{AcmeID: "canary-in-step", Body: []byte("intruder")}},
			Intents:   []acmesync.Intent{{Operation: "canary-operation", Done: true}},
			Overruled: []acmesync.Overruled{{AcmeID: "canary-in-step", Field: "title", Policy: acmesync.AcmeWins, Winner: acmesync.AcmeSide, Lost: "intruder"}},
		}))
	},
	"ContactsReached": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		var ids []string
		all, err := d.ContactsReached(ctx, v.deliver, []acmesync.Reach{{Email: "canary-contact@example.test", Phone: "+12815550199"}})
		for _, one := range all {
			ids = append(append(ids, one.ByEmail...), one.ByPhone...)
		}
		return ids, err
	},
	"Intents":  func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Intents(ctx, v.deliver) },
	"LeaveApp": func(ctx context.Context, d *db.DB, v victim) (any, error) { return wrote(d.LeaveApp(ctx, v.fetch)) },
	"Alive":    func(ctx context.Context, d *db.DB, v victim) (any, error) { return wrote(d.Alive(ctx, v.deliver)) },
	"Apply": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Apply(ctx, v.id, acmesync.Command{ID: "intruder", Name: acmesync.Deactivate, Actor: "intruder", RemoveEvents: true})
	},
	"Lookups": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Lookups(ctx, v.deliver, "canary", []string{"canary@example.test"}, time.Hour)
	},
	"CommitLookups": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitLookups(ctx, v.deliver, "canary", map[string]acmesync.Lookup{"intruder": {Found: true, Body: []byte(`"intruder"`)}}))
	},
	"Audits": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Audits(ctx, v.id, 10) },
	"AuditOf": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.AuditOf(ctx, v.id, "canary-command")
	},
	"CancelAudit": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CancelAudit(ctx, v.id, v.audit, "intruder"))
	},
	"CellsAt": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		n, err := d.CellsAt(ctx, v.deliver, []acmesync.Cell{{UserID: "canary-app-user", Day: "2026-01-01", Channel: "email", Direction: "out", N: 99}})
		return 1 - len(n), err // whoever sees the victim's cell knows that it is due
	},
	"CommitAudit": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitAudit(ctx, v.deliver, acmesync.AuditComparing, acmesync.Audited{
			Audit: v.audit, Seen: []string{"intruder"}, Cursor: "intruder", Hints: []acmesync.Key{{Stream: acmesync.Appointments, AcmeID: "intruder"}},
		}))
	},
	"CompareLists": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.CompareLists(ctx, v.deliver, v.audit)
	},
	"Differences": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Differences(ctx, v.id, v.audit, acmesync.Difference{}, 10)
	},
	"EndAsking": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.EndAsking(ctx, v.deliver, v.audit))
	},
	"RestartWalk": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.RestartWalk(ctx, v.deliver, v.audit, acmesync.AuditComparing))
	},
	"EndAudit": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.EndAudit(ctx, v.deliver, v.audit))
	},
	"OneAudit": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.OneAudit(ctx, v.id, v.audit) },
	"OpenAudit": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		a, _, err := d.OpenAudit(ctx, v.deliver)
		return a, err
	},
	"Audit":   func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Audit(ctx, v.id, 10) },
	"Backlog": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Backlog(ctx, v.id) },
	"Missed": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		n, err := d.Missed(ctx, v.fetch, acmesync.Appointments, []string{"canary-in-step"}, []int64{1})
		return 1 - n, err // whoever sees the victim's ledger knows that this is no news
	},
	"TrustHooks": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.TrustHooks(ctx, v.fetch, 5)
	},
	"Balance": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		all, err := d.Balance(ctx, v.id)
		n := int64(0)
		for _, b := range all {
			n += b.Known + b.Sum() + b.Arrivals.Received
		}
		return n, err
	},
	"BeginCleanup": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return nil, errorOf(d.BeginCleanup(ctx, v.id))
	},
	"BeginLane": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return nil, errorOf(d.BeginLane(ctx, v.id, acmesync.Fetch))
	},
	"ClaimHints": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.ClaimHints(ctx, v.fetch, 10) },
	"ClaimPages": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.ClaimPages(ctx, v.deliver, 100, 1<<20)
	},
	"CleanedUp": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CleanedUp(ctx, v.id, v.cleanup))
	},
	"Cleanups":  func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Cleanups(ctx, v.id) },
	"ClearMark": func(ctx context.Context, d *db.DB, v victim) (any, error) { return wrote(d.ClearMark(ctx, v.deliver)) },
	"CommitCells": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitCells(ctx, v.deliver, v.cells, nil))
	},
	"CommitDelivered": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitDelivered(ctx, v.deliver, acmesync.Delivered{
			Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "intruder", acmesync.InStep, "")},
			Ended:   []acmesync.EndedPage{{Envelope: v.pages[0].Envelope, Done: 1}},
			Parked:  []acmesync.ParkedRecord{parkedRecord(acmesync.Appointments, "intruder", acmesync.EndMissing, "end")},
		}))
	},
	"CommitFetched": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitFetched(ctx, v.fetch, acmesync.Fetched{
			Pages: []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "intruder")},
			Ended: []acmesync.EndedHint{{Envelope: v.hints[0].Envelope, Column: acmesync.CountDone}},
		}))
	},
	"CommitRemoved": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitRemoved(ctx, v.deliver, []acmesync.LedgerEntry{entry(acmesync.Appointments, "canary-in-step", acmesync.Deleted, "")}))
	},
	"CommitMatches": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.CommitMatches(ctx, v.deliver, map[string]string{"intruder": "intruder"})
	},
	"Recount": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Recount(ctx, v.deliver, map[string]string{"canary-app-user": "intruder"}, func(string, time.Time) string { return "1999-01-01" })
	},
	"Touchpoints": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		page, err := d.Touchpoints(ctx, v.id, db.TouchpointFilter{Limit: 10})
		return len(page.Counts) + len(page.Totals), err
	},
	"CommitStaff": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitStaff(ctx, v.fetch, acmesync.UserPerson, []acmesync.Person{person(acmesync.UserPerson, "intruder", 1)}))
	},
	"CommitSubscription": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitSubscription(ctx, v.fetch, "sub_intruder", "whsec_intruder", time.Hour))
	},
	"Completed": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Completed(ctx, v.deliver) },
	"Config":    func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Config(ctx, v.id, 1) },
	"Configs":   func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Configs(ctx, v.id, 0, 10) },
	"Configure": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Configure(ctx, v.id, acmesync.ConfigChange{
			Config: acmesync.Config{PageSize: 1}, Over: v.version, Walk: acmesync.Polled(), Retry: []string{v.fingerprint}, Actor: "intruder",
		})
	},
	"Connection": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		c, err := d.Connection(ctx, v.id)
		return c.AcmeURL + c.HookEndpoint, err
	},
	"ContactHashes": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.ContactHashes(ctx, v.deliver, []string{"canary-contact"})
	},
	"Contacts": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Contacts(ctx, v.deliver, []string{"canary-contact"})
	},
	"CreateTenant": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.CreateTenant(ctx, db.NewTenant{ID: v.id + "-twin", Name: "Intruder", AcmeURL: "https://a", AppURL: "https://b", Actor: "intruder"})
	},
	"Credentials": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Credentials(ctx, v.id) },
	"Decide": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Decide(ctx, v.id, v.fingerprint, acmesync.Decision{ID: "intruder", Action: acmesync.OrderDiscard, Actor: "intruder", Reason: "none"})
	},
	"DescribeAccount": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.DescribeAccount(ctx, v.id, "acct-x", "AQ", "Antarctica/Troll"))
	},
	"Doubt": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.Doubt(ctx, v.deliver, []acmesync.Key{appointment("canary-in-step")}))
	},
	"Instances": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Instances(ctx, v.deliver, []string{"canary-series", "canary-exception"}, []acmesync.Instance{{Series: "canary-series", Original: "20260601"}})
	},
	"DoubtInstances": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.DoubtInstances(ctx, v.deliver, []acmesync.Instance{{Series: "canary-series", Original: "20260601", Holder: "intruder"}}))
	},
	"WrittenInstances": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.WrittenInstances(ctx, v.deliver, 10)
	},
	"CommitRemovedInstances": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.CommitRemovedInstances(ctx, v.deliver, []acmesync.Instance{{Series: "canary-series", Original: "20260601"}}))
	},
	"CommitDrift": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.CommitDrift(ctx, v.fetch, acmesync.DriftLook{Stream: acmesync.Appointments,
			Seen:   []acmesync.Drift{{Stream: acmesync.Appointments, Field: "intruder", Finding: acmesync.UnknownField}},
			Mended: []acmesync.Drift{{Stream: acmesync.Appointments, Field: "canary", Finding: acmesync.UnknownField}}})
	},
	"DriftState": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		state, err := d.DriftState(ctx, v.fetch, acmesync.Appointments)
		return len(state.Fields) + len(state.Open), err
	},
	"Drifts":   func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Drifts(ctx, v.id) },
	"DueCells": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.DueCells(ctx, v.deliver, 10) },
	"EndLane": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		_, due, err := d.EndLane(ctx, v.deliver)
		return due, err
	},
	"HeldNow": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.HeldNow(ctx, v.id, acmesync.DependsOnAcme)
	},
	"Hold": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.Hold(ctx, v.deliver, acmesync.Hold{Dependency: acmesync.DependsOnApp, Kind: acmesync.Unavailable, Reason: "intruder"}, time.Hour))
	},
	"Holds":       func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Holds(ctx, v.id) },
	"HookProfile": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.HookProfile(ctx, v.id) },
	"HookSecrets": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.HookSecrets(ctx, v.id) },
	"HookTopics":  func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.HookTopics(ctx, v.id) },
	"Ledger": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Ledger(ctx, v.deliver, acmesync.Appointments, []string{"canary-in-step"})
	},
	"OpenParked": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.OpenParked(ctx, v.deliver, acmesync.Appointments, []string{"canary-parked"})
	},
	"ParkedRecords": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.ParkedRecords(ctx, v.id, v.fingerprint, 10)
	},
	"Positions": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Positions(ctx, v.fetch) },
	"PutOffCleanup": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.PutOffCleanup(ctx, v.id, v.cleanup))
	},
	"RaiseToken": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.RaiseToken(ctx, v.deliver, 1000))
	},
	"Reconnected": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Reconnected(ctx, v.id, "intruder")
	},
	"Record": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		story, err := d.Record(ctx, v.id, acmesync.Appointments, "canary-in-step")
		return len(story.Arrivals) + len(story.State), err
	},
	"Records": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Records(ctx, v.id, db.RecordFilter{Stream: acmesync.Appointments, Limit: 10})
	},
	"EndedReviews": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.EndedReviews(ctx, v.id) },
	"KeyHolders": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.KeyHolders(ctx, v.deliver, []string{"11111111-1111-1111-1111-111111111111"})
	},
	"Refusals": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Refusals(ctx, v.deliver) },
	"Release": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Release(ctx, v.fetch, acmesync.DependsOnAcme, "")
	},
	"ReleasePages": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.ReleasePages(ctx, v.deliver, v.pages))
	},
	"RequireReauth": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.RequireReauth(ctx, v.fetch, "intruder")
	},
	"Review":  func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Review(ctx, v.id, v.fingerprint) },
	"Reviews": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Reviews(ctx, v.id, true, 10) },
	"SavePosition": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.SavePosition(ctx, v.fetch, acmesync.Position{Stream: acmesync.Appointments, Cursor: "intruder", Walking: true}))
	},
	"SetCredentials": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.SetCredentials(ctx, v.id, acmesync.Credentials{AcmeAPIKey: "intruder"}, "intruder"))
	},
	"SettleReview": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.SettleReview(ctx, v.id, v.fingerprint)
	},
	"Staff": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.Staff(ctx, v.deliver, acmesync.UserPerson)
	},
	"StaffStale": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		stale, _, err := d.StaffStale(ctx, v.deliver, acmesync.AppUserPerson)
		return stale, err
	},
	"SubscriptionDue": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		id, _, err := d.SubscriptionDue(ctx, v.fetch)
		return id, err
	},
	"TakeRevisits": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.TakeRevisits(ctx, v.fetch, 10) },
	"Tenant":       func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Tenant(ctx, v.id) },
	"UnknownContacts": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		unknown, err := d.UnknownContacts(ctx, v.fetch, []string{"canary-contact"})
		return 1 - len(unknown), err
	},
	"CommitChunk": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		after, err := d.CommitChunk(ctx, acmesync.Fence{Tenant: v.id, Connection: acmesync.MainConnection, Generation: v.fetch.Generation}, acmesync.ImportChunk{
			Import: v.imported.ID, Offset: 7, Rows: 1, Place: []byte("{}"), State: acmesync.ImportReceiving,
			Page: &acmesync.NewPage{Stream: acmesync.Appointments, Way: acmesync.ByFile, IDs: []string{"intruder"}, Records: 1, Body: []byte(`[{"id":"intruder"}]`)},
		})
		return after.Offset, err
	},
	"Import":  func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Import(ctx, v.id, v.imported.ID) },
	"Imports": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Imports(ctx, v.id, "", 10) },
	"LookAtFiles": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return d.LookAtFiles(ctx, v.fetch, acmesync.FromFolder, []acmesync.FoundFile{{Stream: acmesync.Appointments, Name: "intruder.csv", Size: 1, Mark: "1"}})
	},
	"OpenImport": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		_, err := d.OpenImport(ctx, v.id, acmesync.Import{Stream: acmesync.Appointments, Source: acmesync.FromUpload, Name: "intruder.csv", Size: 1, Actor: "intruder"})
		return nil, err
	},
	"WatchFiles": func(ctx context.Context, d *db.DB, v victim) (any, error) {
		return wrote(d.WatchFiles(ctx, v.fetch, true))
	},
	"UnnoticedReviews": func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.UnnoticedReviews(ctx, v.id) },
	"Written":          func(ctx context.Context, d *db.DB, v victim) (any, error) { return d.Written(ctx, v.deliver, "", 10) },
}

func errorOf(_ acmesync.Fence, err error) error { return err }

// fleetWide are the methods that name no tenant, or several on purpose.
var fleetWide = map[string]string{
	"CheckSchema":    "reads the schema's version, no rows",
	"Now":            "reads the clock, no rows",
	"Close":          "ends the connections",
	"Ping":           "reads no rows",
	"AccountHooks":   "finds out whose message it is: there is no tenant yet; a function of the intake role that answers nothing else",
	"Endpoint":       "finds out whose hook it is: there is no tenant yet; a function of the intake role that answers nothing else",
	"StoreHooks":     "hooks of several tenants in one statement; the endpoint says whose, not the caller; a function of the intake role",
	"Mark":           "flips marks of several tenants; a function that answers which, and reads no rows of theirs",
	"WithWork":       "one look for all lanes of a worker; a function that answers which have work, and reads no rows of theirs",
	"LeaseBudget":    "a limit owner may be shared by tenants; budgets name no tenant",
	"LeaseAtLeast":   "a limit owner may be shared by tenants; budgets name no tenant",
	"LearnBudget":    "a limit owner may be shared by tenants; budgets name no tenant",
	"Tenants":        "the staff's list; as the fleet role, which sees no bodies",
	"Living":         "the sweep's list; as the fleet role, which sees no bodies",
	"LivingCount":    "the sweep's count; as the fleet role, which sees no bodies",
	"Overdue":        "the sweep's list; as the fleet role, which sees no bodies",
	"MakePartitions": "makes tables, reads no rows",
	"Tidy":           "forgets by age alone, and gives nothing out",
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "intruder")
	pinned := d.ActAs("intruder")

	t.Run("every method is either tried or fleet-wide for a reason", func(t *testing.T) {
		all := reflect.TypeFor[*db.DB]()
		for i := range all.NumMethod() {
			name := all.Method(i).Name
			if name == "ActAs" || name == "Pool" || name == "Explained" { // these tests' own
				continue
			}
			_, tried := intrusions[name]
			require.NotEqual(t, tried, fleetWide[name] != "", "%s: add a row to intrusions, or to fleetWide with the reason", name)
		}
		require.Equal(t, all.NumMethod()-3, len(intrusions)+len(fleetWide), "a row without a method")
	})
	for name, call := range intrusions {
		t.Run(name+" for a tenant inside another's transaction reads and writes nothing", func(t *testing.T) {
			v := seeded(t, d, name)
			before, intruderBefore := dump(t, d, v.id), dump(t, d, "intruder")
			read, err := call(ctx, pinned, v)
			if err == nil {
				require.True(t, empty(read), "it read %+v", read)
			}
			require.NotContains(t, rendered(read), "canary")
			require.Equal(t, before, dump(t, d, v.id))
			require.Equal(t, intruderBefore, dump(t, d, "intruder"), "nor does it write to the tenant whose transaction it is")
			require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM tenants WHERE tenant = $1`, v.id+"-twin"))

			read, err = call(ctx, d.DB, v)
			require.NoError(t, err, "in the tenant's own transaction it works: else this row would prove nothing")
			changed := !reflect.DeepEqual(before, dump(t, d, v.id))
			require.True(t, changed || !empty(read) || name == "CreateTenant", "the row reads and writes nothing anyway")
		})
	}
}

var victims atomic.Int64

// seeded makes a tenant with rows in every table.
func seeded(t *testing.T, d *dbtest.Database, method string) victim {
	t.Helper()
	ctx := t.Context()
	v := victim{id: acmesync.TenantID(fmt.Sprintf("victim-%d", victims.Add(1)))}
	activated(t, d, v.id)
	v.endpoint = endpointOf(t, d, v.id)
	d.Super.MustExec(`UPDATE tenants SET config = config || '{"sns":{"topics":["canary-topic"]}}' WHERE tenant = $1`, v.id)
	require.NoError(t, d.SetCredentials(ctx, v.id, acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-token"}, "canary"))
	_, err := d.StoreHooks(ctx, []db.HookDelivery{{Endpoint: v.endpoint, Tenant: v.id, WebhookID: "w1", BodySHA: []byte("sha"), Events: []db.HookEvent{
		{Stream: acmesync.Appointments, AcmeID: "canary-in-step", Body: []byte("{}")}, {Stream: acmesync.Appointments, AcmeID: "canary-hinted", Body: []byte("{}")},
	}}})
	require.NoError(t, err)

	v.fetch = begin(t, d, v.id, acmesync.Fetch)
	require.NoError(t, d.CommitSubscription(ctx, v.fetch, "canary-subscription", "whsec_canary", time.Hour))
	require.NoError(t, d.CommitStaff(ctx, v.fetch, acmesync.UserPerson, []acmesync.Person{person(acmesync.UserPerson, "canary-user", 1)}))
	require.NoError(t, d.CommitFetched(ctx, v.fetch, acmesync.Fetched{
		Pages:  []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "canary-in-step"), page(acmesync.Touchpoints, acmesync.Backfill, "canary-waiting")},
		People: []acmesync.Person{person(acmesync.ContactPerson, "canary-contact", 1)},
	}))
	v.hints, err = d.ClaimHints(ctx, v.fetch, 10)
	require.NoError(t, err)

	v.deliver = begin(t, d, v.id, acmesync.Deliver)
	v.pages = claim(t, d, v.deliver)
	written := entry(acmesync.Appointments, "canary-in-step", acmesync.InStep, "")
	written.Steps = acmesync.StepWritten
	require.NoError(t, d.CommitDelivered(ctx, v.deliver, acmesync.Delivered{
		Entries:   []acmesync.LedgerEntry{written},
		Instances: []acmesync.Instance{{Series: "canary-series", Original: "20260601", Holder: "canary-exception", AppID: "canary-event"}},
		Parked:    []acmesync.ParkedRecord{parkedRecord(acmesync.Appointments, "canary-parked", acmesync.EndMissing, "end")},
		Links:     []acmesync.Link{{ContactID: "canary-contact", Key: written.Key, EndsAt: time.Now().Add(time.Hour)}},
		Keys:      []acmesync.BusinessKey{{AcmeID: "canary-in-step", Key: "11111111-1111-1111-1111-111111111111", SourceAt: time.Now(), Holds: true}},
		Refused:   []acmesync.Refusal{{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: "canary-refused"}, Tries: 2}},
		Facts:     []acmesync.Fact{{AcmeID: "canary-fact", UserID: "canary-app-user", Day: "2026-01-01", Channel: "email", Direction: "out", OccurredAt: time.Now()}},
		Revisits:  []acmesync.Revisit{{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: "canary-revisit"}, At: time.Now().Add(-time.Minute)}},
	}))
	_, err = d.CommitMatches(ctx, v.deliver, map[string]string{"canary-user": "canary-app-user"})
	require.NoError(t, err)
	_, err = d.Recount(ctx, v.deliver, map[string]string{"canary-app-user": "UTC"}, func(string, time.Time) string { return "2026-01-01" })
	require.NoError(t, err)
	v.fingerprint = acmesync.Fingerprint(acmesync.Appointments, acmesync.EndMissing, "end")
	v.cells, err = d.DueCells(ctx, v.deliver, 10)
	require.NoError(t, err)
	require.NoError(t, d.Hold(ctx, v.fetch, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Stream: acmesync.Contacts, Kind: acmesync.Unavailable, Reason: "canary"}, time.Hour))
	_, err = d.Mark(ctx, []acmesync.TenantID{v.id}, acmesync.Deliver)
	require.NoError(t, err)
	require.NoError(t, d.CommitAppSubscription(ctx, v.fetch, "canary-app-subscription", "whsec_canary_app", time.Hour))
	require.NoError(t, d.CommitTwoWay(ctx, v.deliver, acmesync.TwoWay{
		Agreed:    []acmesync.Agreed{{AcmeID: "canary-in-step", AcmeVersion: 1, AppVersion: 1, Body: []byte("canary")}},
		Intents:   []acmesync.Intent{{Operation: "canary-operation", AppID: "canary-app-id", Body: []byte("canary")}},
		Overruled: []acmesync.Overruled{{AcmeID: "canary-in-step", Field: "title", Policy: acmesync.AcmeWins, Winner: acmesync.AcmeSide, Lost: "canary"}},
	}))
	_, err = d.CommitDrift(ctx, v.fetch, acmesync.DriftLook{Stream: acmesync.Appointments, Fields: map[string]acmesync.FieldHistory{"canary": {Present: 1, Of: 1}},
		Seen: []acmesync.Drift{{Stream: acmesync.Appointments, Field: "canary", Finding: acmesync.UnknownField, Records: 1}}})
	require.NoError(t, err)
	v.imported, err = d.OpenImport(ctx, v.id, acmesync.Import{Stream: acmesync.Appointments, Source: acmesync.FromUpload, Name: "canary.csv", Size: 100, Actor: "canary"})
	require.NoError(t, err)
	v.cleanup = acmesync.Cleanup{Kind: "unsubscribe", Target: "canary-old"}
	exec(t, d, `INSERT INTO cleanups (tenant, connection, kind, target) VALUES ($1, 'main', 'unsubscribe', 'canary-old')`, v.id)
	exec(t, d, `INSERT INTO arrival_totals (tenant, stream, received, done) VALUES ($1, 'appointments', 7, 7)`, v.id)
	require.NoError(t, d.CommitLookups(ctx, v.deliver, "canary", map[string]acmesync.Lookup{"canary@example.test": {Found: true, Body: []byte(`"canary"`)}}))
	v.audit = "11111111-1111-1111-1111-111111111111"
	exec(t, d, `INSERT INTO audits (tenant, audit, connection, generation, actor, command_id) VALUES ($1, $2, 'main', 1, 'canary', 'canary-command')`, v.id, v.audit)
	exec(t, d, `INSERT INTO audit_differences (tenant, audit, side, stream, id, kind) VALUES ($1, $2, 'app', 'appointments', 'canary-in-step', 'missing')`, v.id, v.audit)
	exec(t, d, `INSERT INTO audit_seen (tenant, audit, id) VALUES ($1, $2, 'canary-event')`, v.id, v.audit)
	exec(t, d, `INSERT INTO absences (tenant, connection, stream, acme_id) VALUES ($1, 'main', 'appointments', 'canary-in-step')`, v.id)
	for table, rows := range dump(t, d, v.id) {
		require.NotEmpty(t, rows, "%s has no row of the tenant: what reads it is not tried", table)
	}

	switch method { // what a method would take as a reason to do nothing
	case "BeginCleanup":
		exec(t, d, `UPDATE tenants SET state = 'deactivated' WHERE tenant = $1`, v.id)
	case "Reconnected":
		exec(t, d, `UPDATE tenants SET state = 'needs_reauth' WHERE tenant = $1`, v.id)
	case "Completed":
		exec(t, d, `UPDATE positions SET backfilled_at = now() WHERE tenant = $1`, v.id)
		exec(t, d, `UPDATE envelopes SET ended_at = now() WHERE tenant = $1`, v.id)
		exec(t, d, `UPDATE cells SET sent = changed WHERE tenant = $1`, v.id)
	case "CommitAudit", "RestartWalk":
		exec(t, d, `UPDATE audits SET state = 'comparing' WHERE tenant = $1`, v.id)
	case "EndAsking":
		exec(t, d, `UPDATE audits SET state = 'asking' WHERE tenant = $1`, v.id)
	case "EndedReviews":
		exec(t, d, `UPDATE parked SET closed_at = now() WHERE tenant = $1`, v.id)
	case "ClaimPages":
		require.NoError(t, d.ReleasePages(ctx, v.deliver, v.pages))
	}
	tenant, err := d.Tenant(ctx, v.id)
	require.NoError(t, err)
	v.version = tenant.Rules
	return v
}

// empty reports whether a method has answered with nothing at all.
func empty(read any) bool {
	if read == nil {
		return true
	}
	v := reflect.ValueOf(read)
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}

func rendered(read any) string {
	text, err := json.Marshal(read)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
