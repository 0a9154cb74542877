package activities

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Activities are registered with their exported methods; each is an activity and nothing else.
type Activities struct {
	Tenants  Tenants
	Lanes    Lanes
	Inbox    Inbox
	Ledger   Ledger
	People   People
	Holds    Holds
	Counts   Counts
	Budgets  Budgets
	Reviews  Reviews
	Audits   Audits
	Lookups  Lookups
	Cleanups Cleanups
	Fleet    Fleet
	TwoWay   TwoWay
	Drift    Drift // nil: nobody looks for it
	Files    Files
	Doorbell Doorbell
	Alerts   Alerts

	HTTP *http.Client
	// ImportRoot holds a folder per tenant that files may be picked up from; empty: from no folder.
	ImportRoot string
	PublicURL  string // where Acme reaches our hooks; empty: no webhooks, polls only
	Gate       *Gate
	Looker     *Looker

	DriftEvery time.Duration // how often a tenant's stream is looked at; 0: a minute

	outside sync.Map // acmesync.TenantID → *outside
	rules   sync.Map // acmesync.TenantID → *keptRules
	looked  sync.Map // lookKey → time.Time
}

// Tenants is what a tenant is and where its two sides are.
type Tenants interface {
	Tenant(ctx context.Context, t acmesync.TenantID) (acmesync.Tenant, error)
	Connection(ctx context.Context, t acmesync.TenantID) (acmesync.Connection, error)
	Credentials(ctx context.Context, t acmesync.TenantID) (acmesync.Credentials, error)
	Apply(ctx context.Context, t acmesync.TenantID, c acmesync.Command) (acmesync.Tenant, error)
	RequireReauth(ctx context.Context, f acmesync.Fence, reason string) (news bool, err error)
	Completed(ctx context.Context, f acmesync.Fence) (bool, error)
	DescribeAccount(ctx context.Context, t acmesync.TenantID, account, region, timeZone string) error
}

// Lanes fences attempts and knows when a lane is due.
type Lanes interface {
	BeginLane(ctx context.Context, t acmesync.TenantID, lane acmesync.Lane) (acmesync.Fence, error)
	Alive(ctx context.Context, f acmesync.Fence) error
	ClearMark(ctx context.Context, f acmesync.Fence) error
	EndLane(ctx context.Context, f acmesync.Fence) (wait time.Duration, due bool, err error)
	RaiseToken(ctx context.Context, f acmesync.Fence, above int64) error
	Mark(ctx context.Context, tenants []acmesync.TenantID, lanes ...acmesync.Lane) ([]acmesync.LaneKey, error)
}

// Inbox holds envelopes and how far each stream was read.
type Inbox interface {
	Backlog(ctx context.Context, t acmesync.TenantID) (acmesync.Backlog, error)
	Positions(ctx context.Context, f acmesync.Fence) ([]acmesync.Position, error)
	SavePosition(ctx context.Context, f acmesync.Fence, p acmesync.Position) error
	ClaimHints(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Hint, error)
	Missed(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string, versions []int64) (int, error)
	TrustHooks(ctx context.Context, f acmesync.Fence, missed int) (proven bool, err error)
	CommitFetched(ctx context.Context, f acmesync.Fence, r acmesync.Fetched) error
	TakeRevisits(ctx context.Context, f acmesync.Fence, limit int) (int, error)
	ClaimPages(ctx context.Context, f acmesync.Fence, maxRecords, maxBytes int) ([]acmesync.Page, error)
	ReleasePages(ctx context.Context, f acmesync.Fence, pages []acmesync.Page) error
}

// Ledger is what both sides last agreed on.
type Ledger interface {
	Ledger(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string) (map[string]acmesync.LedgerEntry, error)
	Doubt(ctx context.Context, f acmesync.Fence, keys []acmesync.Key) error
	Instances(ctx context.Context, f acmesync.Fence, records []string, places []acmesync.Instance) ([]acmesync.Instance, error)
	DoubtInstances(ctx context.Context, f acmesync.Fence, instances []acmesync.Instance) error
	CommitDelivered(ctx context.Context, f acmesync.Fence, d acmesync.Delivered) error
	KeyHolders(ctx context.Context, f acmesync.Fence, keys []string) (map[string]acmesync.BusinessKey, error)
	Refusals(ctx context.Context, f acmesync.Fence) ([]acmesync.Refusal, error)
}

// People are joined to records at delivery.
type People interface {
	StaffStale(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind) (stale bool, stamp string, err error)
	CommitStaff(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind, people []acmesync.Person) error
	CommitMatches(ctx context.Context, f acmesync.Fence, matches map[string]string) (moved int, err error)
	Staff(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind) (map[string]acmesync.Person, error)
	UnknownContacts(ctx context.Context, f acmesync.Fence, ids []string) ([]string, error)
	ContactHashes(ctx context.Context, f acmesync.Fence, ids []string) (map[string]string, error)
	Contacts(ctx context.Context, f acmesync.Fence, ids []string) (map[string]acmesync.Person, error)
}

// Holds remembers which dependency is down or refuses.
type Holds interface {
	Hold(ctx context.Context, f acmesync.Fence, h acmesync.Hold, wait time.Duration) error
	HeldNow(ctx context.Context, t acmesync.TenantID, d acmesync.Dependency) ([]acmesync.Stream, error)
	Release(ctx context.Context, f acmesync.Fence, d acmesync.Dependency, stream acmesync.Stream) (left int, err error)
}

// Counts are the cells of the dashboard that are due to be sent.
type Counts interface {
	DueCells(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Cell, error)
	CommitCells(ctx context.Context, f acmesync.Fence, sent []acmesync.Cell, refused []acmesync.RefusedCell) error
	Recount(ctx context.Context, f acmesync.Fence, zones map[string]string, dayOf func(zone string, at time.Time) string) (moved int, err error)
}

// Budgets are Acme's rate limits, shared by all processes.
type Budgets interface {
	LeaseBudget(ctx context.Context, owner string, want int, live bool) (granted int, wait time.Duration, err error)
	LeaseAtLeast(ctx context.Context, owner string, want, least int, live bool) (granted int, wait time.Duration, err error)
	LearnBudget(ctx context.Context, owner string, requests int, per, refused time.Duration) error
}

// Reviews own parked records.
type Reviews interface {
	OpenParked(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string) ([]acmesync.ParkedRecord, error)
	Decide(ctx context.Context, t acmesync.TenantID, fingerprint string, d acmesync.Decision) (int, error)
	SettleReview(ctx context.Context, t acmesync.TenantID, fingerprint string) (acmesync.Review, error)
	EndedReviews(ctx context.Context, t acmesync.TenantID) ([]string, error)
	UnnoticedReviews(ctx context.Context, t acmesync.TenantID) ([]string, error)
}

// Audits are walks over both sides that prove them equal, or heal what differs.
type Audits interface {
	OpenAudit(ctx context.Context, f acmesync.Fence) (a acmesync.Audit, ok bool, err error)
	CompareLists(ctx context.Context, f acmesync.Fence, audit string) (withheld []acmesync.Stream, err error)
	EndAsking(ctx context.Context, f acmesync.Fence, audit string) error
	CommitAudit(ctx context.Context, f acmesync.Fence, state acmesync.AuditState, a acmesync.Audited) error
	CellsAt(ctx context.Context, f acmesync.Fence, cells []acmesync.Cell) ([]acmesync.Cell, error)
	RestartWalk(ctx context.Context, f acmesync.Fence, audit string, state acmesync.AuditState) error
	EndAudit(ctx context.Context, f acmesync.Fence, audit string) error
	CancelAudit(ctx context.Context, tenant acmesync.TenantID, audit, actor string) error
}

// Lookups are what third parties have answered.
type Lookups interface {
	Lookups(ctx context.Context, f acmesync.Fence, name string, keys []string, expires time.Duration) (map[string]acmesync.Lookup, error)
	CommitLookups(ctx context.Context, f acmesync.Fence, name string, answers map[string]acmesync.Lookup) error
}

// Cleanups are effects outside that a tenant's end has left to be undone, and its subscription while it lives.
type Cleanups interface {
	SubscriptionDue(ctx context.Context, f acmesync.Fence) (id string, due bool, err error)
	CommitSubscription(ctx context.Context, f acmesync.Fence, id, secret string, lookAgain time.Duration) error
	Cleanups(ctx context.Context, t acmesync.TenantID) ([]acmesync.Cleanup, error)
	CleanedUp(ctx context.Context, t acmesync.TenantID, c acmesync.Cleanup) error
	PutOffCleanup(ctx context.Context, t acmesync.TenantID, c acmesync.Cleanup) error
	BeginCleanup(ctx context.Context, t acmesync.TenantID) (acmesync.Fence, error)
	Written(ctx context.Context, f acmesync.Fence, after string, limit int) ([]acmesync.LedgerEntry, error)
	CommitRemoved(ctx context.Context, f acmesync.Fence, entries []acmesync.LedgerEntry) error
	WrittenInstances(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Instance, error)
	CommitRemovedInstances(ctx context.Context, f acmesync.Fence, gone []acmesync.Instance) error
}

// TwoWay is what syncing appointments both ways has to remember.
type TwoWay interface {
	Agreed(ctx context.Context, f acmesync.Fence, ids []string) (map[string]acmesync.Agreed, error)
	Intents(ctx context.Context, f acmesync.Fence) ([]acmesync.Intent, error)
	CommitTwoWay(ctx context.Context, f acmesync.Fence, b acmesync.TwoWay) error
	ContactsReached(ctx context.Context, f acmesync.Fence, reaches []acmesync.Reach) ([]acmesync.Reached, error)
	AppSubscriptionDue(ctx context.Context, f acmesync.Fence) (id string, due bool, err error)
	CommitAppSubscription(ctx context.Context, f acmesync.Fence, id, secret string, lookAgain time.Duration) error
	LeaveApp(ctx context.Context, f acmesync.Fence) error
}

// Files remembers how far files were read.
type Files interface {
	WatchFiles(ctx context.Context, f acmesync.Fence, watch bool) error
	LookAtFiles(ctx context.Context, f acmesync.Fence, source acmesync.ImportSource, found []acmesync.FoundFile) ([]acmesync.Import, error)
	CommitChunk(ctx context.Context, f acmesync.Fence, c acmesync.ImportChunk) (acmesync.Import, error)
}

// Fleet sees all tenants, without bodies.
type Fleet interface {
	Overdue(ctx context.Context, limit int) ([]acmesync.Overdue, error)
	Living(ctx context.Context, after acmesync.TenantID, limit int) ([]acmesync.TenantID, error)
	LivingCount(ctx context.Context) (int64, error)
	MakePartitions(ctx context.Context, daysAhead int) (int, error)
	Tidy(ctx context.Context) (acmesync.Tidied, error)
}

// Doorbell reaches workflows from activities.
type Doorbell interface {
	Ring(ctx context.Context, t acmesync.TenantID) error
	StartTenant(ctx context.Context, t acmesync.TenantID) error
	NoticeReview(ctx context.Context, t acmesync.TenantID, fingerprint string) error
	RunningTenants(ctx context.Context) (int64, error)
}

// Alerts tells people. It must not block: an alert that cannot be sent is logged by whoever sends it.
type Alerts interface {
	Alert(ctx context.Context, t acmesync.TenantID, text string)
}

// outside is a tenant's two sides, as clients. It is made anew for each attempt from what Postgres says, but keeps the
// clients while nothing changed, so that connections stay open.
type outside struct {
	connection  acmesync.Connection
	profile     string // the document the client speaks by
	credentials acmesync.Credentials
	acme        *acme.Client
	app         *app.Client
}

func (a *Activities) outsideOf(ctx context.Context, tenant acmesync.Tenant) (*outside, error) {
	t, document := tenant.ID, string(tenant.Config.Profile)
	connection, err := a.Tenants.Connection(ctx, t)
	if err != nil {
		return nil, err
	}
	credentials, err := a.Tenants.Credentials(ctx, t)
	if err != nil {
		return nil, err
	}
	if kept, ok := a.outside.Load(t); ok {
		o := kept.(*outside)
		if o.connection == connection && o.credentials == credentials && o.profile == document {
			return o, nil
		}
	}
	profile, problems := acme.ParseProfile(tenant.Config.Profile)
	if len(problems) > 0 { // checked when it was saved: a rule that has become stricter since
		return nil, fmt.Errorf("read the profile of %s: %s %s", t, problems[0].Pointer, problems[0].Message)
	}
	o := &outside{
		connection: connection, credentials: credentials, profile: document,
		acme: &acme.Client{BaseURL: connection.AcmeURL, APIKey: credentials.AcmeAPIKey, HTTP: a.HTTP, Profile: &profile},
		app:  &app.Client{BaseURL: connection.AppURL, Token: credentials.AppToken, HTTP: a.HTTP},
	}
	a.outside.Store(t, o)
	return o, nil
}
