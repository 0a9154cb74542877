// Package accounts is the make-believe CRM itself: the accounts, their records, and what writing
// one means. Everything accepted is a line of the account's journal before it shows anywhere, and
// the journal alone rebuilds the account at the next start.
//
// Records are values: a write replaces a record, never changes one in place, so whatever was
// handed out stays as it was. A record deleted more than 30 days ago is unknown to every reader.
package accounts

import (
	"math/rand/v2"
	"sync"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/journal"
	"acmesync/sandbox/crm/manifest"
)

// keepDeleted is how long a deleted record can still be read.
const keepDeleted = 30 * 24 * time.Hour

// Notifier sends events on. Notify is called in the order of the writes, with the account locked: it must not wait.
type Notifier interface {
	Notify(account *Account, subscriptionID string, events []acme.Event)
}

// Account is one business's Acme account. It is safe for concurrent use.
type Account struct {
	now      func() time.Time
	notifier Notifier

	mu       sync.RWMutex
	journal  *journal.Journal
	seq      int64
	last     time.Time // updated_at of the newest write: time never goes back inside an account
	info     Info
	settings Settings
	faults   Faults
	chance   *rand.Rand

	judge        manifest.Judge
	inApp        map[string]bool
	users        table[acme.User]
	contacts     table[acme.Contact]
	appointments table[acme.Appointment]
	touchpoints  table[acme.Touchpoint]

	writes        map[string]map[string]int // by record's id and Author.By, since the start of the process
	duplicates    map[string]string         // owner, start, contact → appointment
	answers       map[string]answer         // by idempotency key
	subscriptions map[string]*Subscription
	backlog       *backlog // events the journal knows and nobody has been sent; only after a start
}

// Info says who the account is; it never changes.
type Info struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	TimeZone  string         `json:"time_zone"`
	Region    string         `json:"region"`
	Seed      int64          `json:"seed"`
	Anchor    string         `json:"anchor"` // the day the seeded data is relative to
	Staff     []StaffMember  `json:"staff"`
	Outcomes  []acme.Outcome `json:"outcomes"`
	CreatedAt time.Time      `json:"created_at"`
}

// StaffMember says whether the calendar app knows a user.
type StaffMember struct {
	UserID string `json:"user_id"`
	InApp  bool   `json:"in_app"`
}

func newAccount(now func() time.Time, notifier Notifier) *Account {
	a := &Account{
		now: now, notifier: notifier,
		inApp:         map[string]bool{},
		writes:        map[string]map[string]int{},
		duplicates:    map[string]string{},
		answers:       map[string]answer{},
		subscriptions: map[string]*Subscription{},
		backlog:       newBacklog(),
	}
	a.judge.Staff = a
	a.users = newTable("usr_%02d", func(u *acme.User) head { return head{u.ID, u.Version, u.UpdatedAt, nil} })
	a.contacts = newTable("con_%06d", func(c *acme.Contact) head { return head{c.ID, c.Version, c.UpdatedAt, c.DeletedAt} })
	a.appointments = newTable("apt_%06d", func(p *acme.Appointment) head { return head{p.ID, p.Version, p.UpdatedAt, p.DeletedAt} })
	a.touchpoints = newTable("tpt_%07d", func(t *acme.Touchpoint) head { return head{t.ID, t.Version, t.UpdatedAt, t.DeletedAt} })
	return a
}

// Info returns who the account is.
func (a *Account) Info() Info { return a.info }

// InApp reports whether the calendar app knows the user.
func (a *Account) InApp(userID string) bool { return userID == anyInApp || a.inApp[userID] }

// Close closes the account's journal; nothing can be written afterwards.
func (a *Account) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.journal.Close()
}

// tick is the time of a write: always later than the write before, in Acme's microseconds.
func (a *Account) tick() time.Time {
	if now := a.now().UTC().Truncate(time.Microsecond); now.After(a.last) {
		a.last = now
	} else {
		a.last = a.last.Add(time.Microsecond)
	}
	return a.last
}
