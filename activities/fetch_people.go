package activities

import (
	"context"

	"acmesync"
	"acmesync/acme"
)

// contactsOf reads the people that nobody has read yet and that go with what was read: the contacts that appointments name, and
// whoever has taken a contact over. They are committed with the page, and read from the same share of the budget: those of a
// backfill's pages must not use up what is kept for hints.
func (l *fetchLane) contactsOf(ctx context.Context, stream acmesync.Stream, items []acme.Item, live bool) ([]acmesync.Person, error) {
	seen := map[string]bool{}
	var ids []string
	name := func(id string) {
		if id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	switch stream {
	case acmesync.Appointments:
		for _, item := range items {
			for _, id := range item.ContactIDs {
				name(id)
			}
		}
	case acmesync.Contacts:
		for _, item := range items {
			seen[item.ID] = true
		}
		for _, p := range l.peopleOf(items) {
			name(p.MergedInto)
		}
	default: // a touch-point counts without its contact
		return nil, nil
	}
	var people []acmesync.Person
	for depth := 0; len(ids) > 0 && depth < maxMergeDepth; depth++ {
		unknown, err := l.People.UnknownContacts(ctx, l.fence, ids)
		if err != nil {
			return nil, err
		}
		found, err := l.readContacts(ctx, unknown, live)
		if err != nil {
			return nil, err
		}
		people = append(people, found...)
		ids = ids[:0:0]
		for _, p := range found {
			name(p.MergedInto)
		}
	}
	return people, nil
}

// maxMergeDepth bounds how far a chain of merged contacts is followed.
const maxMergeDepth = 5

func (l *fetchLane) readContacts(ctx context.Context, ids []string, live bool) ([]acmesync.Person, error) {
	var people []acmesync.Person
	for len(ids) > 0 {
		n := min(len(ids), acme.MaxBatch)
		found, err := l.readContactBatch(ctx, ids[:n], live)
		if err != nil {
			return nil, err
		}
		people = append(people, found...)
		ids = ids[n:]
	}
	return people, nil
}

// readContactBatch halves a batch that a healthy Acme fails on or refuses. One contact that cannot be had alone is left out:
// its events are delivered without it, and the next page that names it asks again.
func (l *fetchLane) readContactBatch(ctx context.Context, ids []string, live bool) ([]acmesync.Person, error) {
	batch, err := l.batchGet(ctx, acmesync.Contacts, ids, live)
	if err == nil {
		return l.peopleOf(batch.Items), nil
	}
	if !l.oneIsAtFault(ctx, err) {
		return nil, err
	}
	if len(ids) == 1 {
		l.log.Warn("a contact cannot be had; its events go without it", "contact_id", ids[0])
		return nil, nil
	}
	first, err := l.readContactBatch(ctx, ids[:len(ids)/2], live)
	if err != nil {
		return nil, err
	}
	second, err := l.readContactBatch(ctx, ids[len(ids)/2:], live)
	return append(first, second...), err
}

// peopleOf makes people of contacts. One that cannot be read is left out: events are delivered without it.
func (l *fetchLane) peopleOf(items []acme.Item) []acmesync.Person {
	people := make([]acmesync.Person, 0, len(items))
	for _, item := range items {
		contact, err := acme.DecodeContact(item.Raw)
		if err != nil {
			l.log.Warn("a contact cannot be read", "error", err)
			continue
		}
		p := acmesync.Person{
			Kind: acmesync.ContactPerson, ID: contact.ID, Version: contact.Version, Hash: hashOf(item.Raw),
			MergedInto: contact.MergedInto, Forgotten: contact.PrivacyDeletedAt != nil, Body: item.Raw,
		}
		reach := l.rules.Reach(contact)
		p.Email, p.Phone = reach.Email, reach.Phone
		people = append(people, p)
	}
	return people
}

func hashOf(parts ...[]byte) string { return acmesync.Hash(parts...) }
