package accounts

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/journal"
	"acmesync/sandbox/crm/seed"
)

// Spec asks for an account.
type Spec struct {
	business.Business
	Seed     int64
	Settings Settings // without an API key one is made
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Create makes an account and its data, which are dated around today. It is there whole or not at all.
func (r *Registry) Create(spec Spec) (*Account, error) {
	if !idPattern.MatchString(spec.ID) {
		return nil, &Refusal{Code: "invalid", Message: "An account's id is lower-case letters, digits and hyphens.", Details: []FieldError{{"id", "malformed"}}}
	}
	if r.exists(spec.ID) {
		return nil, &Refusal{Code: "duplicate", Message: "There is an account of that id.", ExistingID: spec.ID}
	}
	now := r.Now().UTC().Truncate(time.Microsecond)
	plan := seed.Plan{
		AccountID: spec.ID, TimeZone: spec.TimeZone, Region: spec.Region, People: spec.People,
		Seed: spec.Seed, Anchor: now.Truncate(24 * time.Hour),
		Contacts: spec.Contacts, Appointments: spec.Appointments, Touchpoints: spec.Touchpoints,
	}
	set, err := seed.Make(plan)
	if err != nil {
		return nil, &Refusal{Code: "invalid", Message: "No data can be made for it: " + err.Error(), Details: []FieldError{{"time_zone", "unknown"}}}
	}
	info := Info{
		ID: spec.ID, Name: spec.Name, TimeZone: spec.TimeZone, Region: spec.Region, Seed: spec.Seed,
		Anchor: plan.Anchor.Format(time.DateOnly), Outcomes: set.Outcomes, CreatedAt: now,
	}
	for i, user := range set.Users {
		info.Staff = append(info.Staff, StaffMember{UserID: user.ID, InApp: spec.People[i].InApp})
	}
	if spec.Settings.APIKey == "" {
		spec.Settings.APIKey = newKey()
	}
	book := &seedBook{now: now}
	err = journal.Create(r.path(spec.ID), func(put func([]byte) error) error {
		book.put = put
		return book.write(info, spec.Settings, set)
	})
	if err != nil {
		return nil, fmt.Errorf("create account: %w", err)
	}
	return r.open(r.path(spec.ID))
}

// seedBook writes the first lines of a journal.
type seedBook struct {
	put   func([]byte) error
	now   time.Time
	seq   int64
	batch []Record
}

// seedBatch is how many records share a line.
const seedBatch = 100

func (b *seedBook) write(info Info, settings Settings, set *seed.Set) error {
	if err := b.line(Line{Kind: LineAccount, Account: &info}); err != nil {
		return err
	}
	if err := b.line(Line{Kind: LineSettings, Settings: &settings}); err != nil {
		return err
	}
	if err := seedRecords(b, acme.Users, set.Users); err != nil {
		return err
	}
	if err := seedRecords(b, acme.Contacts, set.Contacts); err != nil {
		return err
	}
	if err := seedRecords(b, acme.Appointments, set.Appointments); err != nil {
		return err
	}
	if err := seedRecords(b, acme.Touchpoints, set.Touchpoints); err != nil {
		return err
	}
	return b.flush()
}

func seedRecords[T any](b *seedBook, resource acme.Resource, records []T) error {
	for i := range records {
		raw, err := json.Marshal(&records[i])
		if err != nil {
			return fmt.Errorf("encode seed: %w", err)
		}
		b.batch = append(b.batch, Record{Resource: resource, Record: raw})
		if len(b.batch) == seedBatch {
			if err := b.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *seedBook) flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	err := b.line(Line{Kind: LineWrite, Write: &Write{Op: "seed", By: "seed", Records: b.batch}})
	b.batch = b.batch[:0]
	return err
}

func (b *seedBook) line(line Line) error {
	b.seq++
	line.Seq, line.At = b.seq, b.now
	encoded, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode journal line: %w", err)
	}
	return b.put(encoded)
}
