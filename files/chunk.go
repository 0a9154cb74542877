package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"acmesync"
	"acmesync/acme"
)

// Place is where reading a file goes on.
func Place(i acmesync.Import) (acme.FilePlace, error) {
	var at acme.FilePlace
	if len(i.Place) == 0 {
		return at, nil
	}
	if err := json.Unmarshal(i.Place, &at); err != nil {
		return at, fmt.Errorf("read the place of an import: %w", err)
	}
	return at, nil
}

// Chunk is what was read of a file at once as it is to be committed, with the error that ended reading, if one did. Worth is
// false where there is nothing to commit: the bytes have ended before another row was whole.
func Chunk(i acmesync.Import, l *acme.FileLayout, read acme.FileChunk, ended error) (c acmesync.ImportChunk, worth bool, err error) {
	c = acmesync.ImportChunk{
		Import: i.ID, From: i.Offset, Offset: read.Place.Offset, Rows: read.Place.Rows, BadRows: read.Place.Bad,
		State: acmesync.ImportReceiving, Layout: l.Stamp(),
	}
	if c.Place, err = json.Marshal(read.Place); err != nil {
		return c, false, fmt.Errorf("keep the place of an import: %w", err)
	}
	carry(&c, i.Stream, read.Items)
	var failed *acme.FileError
	switch {
	case errors.As(ended, &failed):
		c.State, c.Message = acmesync.ImportFailed, sentence(failed.Error())
	case ended != nil && !errors.Is(ended, io.EOF):
		return c, false, ended
	case read.Place.Cut || read.Place.Offset >= i.Size:
		finish(&c, i, l, read.Place)
	case read.Place.Offset == i.Offset:
		return c, false, nil
	}
	return c, true, nil
}

// finish judges a file that was read to its end.
func finish(c *acmesync.ImportChunk, i acmesync.Import, l *acme.FileLayout, at acme.FilePlace) {
	complete, why := l.Verdict(at, i.Size)
	if !complete {
		c.State, c.Message = acmesync.ImportIncomplete, sentence(why)
		return
	}
	c.State, c.SHA256 = acmesync.ImportComplete, at.Sum()
	if i.SHA256 != "" && i.SHA256 != c.SHA256 {
		c.State, c.SHA256 = acmesync.ImportFailed, ""
		c.Message = "The content is not what was announced: its SHA-256 is another. Its rows were taken; send the file again."
	}
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// carry puts the items where they go: records into a page for the deliver lane, people into their own rows. Rows that cannot be
// read are in a page in any case: they park there.
func carry(c *acmesync.ImportChunk, stream acmesync.Stream, items []acme.Item) {
	page := &acmesync.NewPage{Stream: stream, Way: acmesync.ByFile, Priority: acmesync.Backfill, IDs: []string{}}
	kept := items
	if stream == acmesync.Contacts || stream == acmesync.Users {
		kept = nil
		for _, item := range items {
			if p, ok := person(stream, item); ok {
				c.People = append(c.People, p)
			} else {
				kept = append(kept, acme.Item{Raw: item.Raw})
			}
		}
	}
	named := map[string]bool{}
	for _, item := range kept {
		if item.ID != "" {
			page.IDs = append(page.IDs, item.ID)
		}
		for _, id := range item.ContactIDs {
			if stream == acmesync.Appointments && !named[id] {
				named[id] = true
				c.Contacts = append(c.Contacts, id)
			}
		}
	}
	if len(kept) == 0 {
		return
	}
	page.Records, page.Body = len(kept), acme.JoinItems(kept)
	c.Page = page
}

// person makes a row of a contact or a user of Acme's; ok is false where it cannot be read.
func person(stream acmesync.Stream, item acme.Item) (acmesync.Person, bool) {
	if item.ID == "" {
		return acmesync.Person{}, false
	}
	p := acmesync.Person{Kind: acmesync.UserPerson, ID: item.ID, Version: item.Version, Hash: acmesync.Hash(item.Raw), Body: item.Raw}
	if stream == acmesync.Users {
		user, err := acme.DecodeUser(item.Raw)
		p.Email = user.Email
		return p, err == nil
	}
	contact, err := acme.DecodeContact(item.Raw)
	p.Kind, p.MergedInto, p.Forgotten = acmesync.ContactPerson, contact.MergedInto, contact.PrivacyDeletedAt != nil
	if len(contact.Emails) > 0 {
		p.Email = contact.Emails[0]
	}
	return p, err == nil
}
