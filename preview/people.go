package preview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"acmesync"
	"acmesync/acme"
)

// maxMerges bounds how far a contact is followed to the one that took it over.
const maxMerges = 5

// readStaff reads both sides' users as they are now: a draft may match them otherwise than what is remembered.
func (p *Preview) readStaff(ctx context.Context) error {
	q := acme.ListQuery{}
	for {
		page, err := p.list(ctx, acme.Users, q)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if user, err := acme.DecodeUser(item.Raw); err == nil { // one that cannot be read matches nobody, as in the lanes
				p.users = append(p.users, user)
			}
		}
		if page.NextCursor == "" {
			break
		}
		q.Cursor = page.NextCursor
	}
	var err error
	if p.appUsers, err = p.App.Users(ctx); err != nil {
		return err
	}
	p.staff, p.before = p.Draft.Staff(p.users, p.appUsers), p.Present.Staff(p.users, p.appUsers)
	return nil
}

// contactsOf answers the contacts that a page's records name, merges followed: as they are remembered, else as Acme has them.
func (p *Preview) contactsOf(ctx context.Context, stream acmesync.Stream, items []acme.Item) (map[string]acme.Contact, error) {
	if stream != acmesync.Appointments {
		return nil, nil
	}
	wanted := map[string]bool{}
	for _, item := range items {
		for _, id := range item.ContactIDs {
			wanted[id] = true
		}
	}
	found := make(map[string]acme.Contact, len(wanted))
	if !p.Strange {
		people, err := p.Memory.Contacts(ctx, p.fence(), slices.Sorted(maps.Keys(wanted)))
		if err != nil {
			return nil, err
		}
		for id, person := range people {
			if found[id], err = acme.DecodeContact(person.Body); err != nil {
				return nil, fmt.Errorf("open a contact: %w", err)
			}
			delete(wanted, id)
		}
	}
	if err := p.readContacts(ctx, slices.Sorted(maps.Keys(wanted))); err != nil {
		return nil, err
	}
	for id := range wanted {
		if contact, ok := p.behind(id); ok {
			found[id] = contact
		}
	}
	return found, nil
}

// readContacts reads contacts that this preview has not read yet, and those that took them over.
func (p *Preview) readContacts(ctx context.Context, ids []string) error {
	for step := 0; step <= maxMerges && len(ids) > 0; step++ {
		var next []string
		for batch := range slices.Chunk(p.unread(ids), acme.MaxBatch) {
			items, err := p.batchGet(ctx, batch)
			if err != nil {
				return err
			}
			for _, item := range items {
				contact, err := acme.DecodeContact(item.Raw)
				if err != nil {
					continue // its events go without it, as in the lanes
				}
				p.contacts[contact.ID] = contact
				if contact.MergedInto != "" {
					next = append(next, contact.MergedInto)
				}
			}
		}
		ids = next
	}
	return nil
}

func (p *Preview) unread(ids []string) []string {
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id string) bool {
		_, read := p.contacts[id]
		return read
	})
}

// batchGet halves a batch that Acme refuses; one contact that cannot be had alone is left out.
func (p *Preview) batchGet(ctx context.Context, ids []string) ([]acme.Item, error) {
	if err := p.take(ctx); err != nil {
		return nil, err
	}
	batch, err := p.Acme.BatchGet(ctx, acme.Contacts, ids)
	var refused *acme.Error
	switch {
	case err == nil:
		return batch.Items, nil
	case !errors.As(err, &refused) || refused.Kind != acme.KindRejected:
		if err = p.learn(ctx, err); errors.Is(err, errAgain) {
			return p.batchGet(ctx, ids)
		}
		return nil, err
	case len(ids) == 1:
		return nil, nil
	}
	first, err := p.batchGet(ctx, ids[:len(ids)/2])
	if err != nil {
		return nil, err
	}
	second, err := p.batchGet(ctx, ids[len(ids)/2:])
	return append(first, second...), err
}

func (p *Preview) behind(id string) (acme.Contact, bool) {
	contact, ok := p.contacts[id]
	for range maxMerges {
		into, read := p.contacts[contact.MergedInto]
		if contact.MergedInto == "" || !read {
			break
		}
		contact = into
	}
	return contact, ok
}
