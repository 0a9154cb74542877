package activities

import (
	"context"

	"acmesync"
	"acmesync/mapping"
)

// collide finds the records of this round that are the same appointment as another under another id. One of them has the event:
// where the first is to stand the one that came first, else the one that was changed last. The other is skipped until the one
// that has the event changes, is deleted or is left out.
func (r *round) collide(ctx context.Context) error {
	if !r.rules.ByBusinessKey() {
		return nil
	}
	byID := map[string]*candidate{}
	var keys []string
	for _, c := range r.candidates {
		if c.key.Stream == acmesync.Appointments && c.event != nil && c.place == nil && !c.given {
			c.business = mapping.BusinessKey(*c.event, c.item.ContactIDs, r.contacts)
			byID[c.key.AcmeID] = c
			keys = append(keys, c.business)
		}
	}
	holders, err := r.Ledger.KeyHolders(ctx, r.fence, keys)
	if err != nil {
		return err
	}
	for _, c := range r.candidates {
		if c.business == "" {
			continue
		}
		mine := acmesync.BusinessKey{AcmeID: c.key.AcmeID, Key: c.business, SourceAt: c.item.UpdatedAt, Holds: true}
		holder, taken := holders[c.business]
		if taken && holder.AcmeID != mine.AcmeID {
			if r.rules.KeepsFirst() || !later(mine, holder) {
				r.sameAsAnother(c)
				continue
			}
			if loser := byID[holder.AcmeID]; loser != nil && loser.business == c.business {
				r.sameAsAnother(loser)
			} else {
				r.commit.KeysLost = append(r.commit.KeysLost, holder.AcmeID)
			}
		}
		c.holds, holders[c.business] = true, mine
	}
	return nil
}

func later(a, b acmesync.BusinessKey) bool {
	if !a.SourceAt.Equal(b.SourceAt) {
		return a.SourceAt.After(b.SourceAt)
	}
	return a.AcmeID > b.AcmeID
}

// sameAsAnother skips a record whose appointment another record stands for.
func (r *round) sameAsAnother(c *candidate) {
	c.holds, c.event = false, nil
	c.result.State, c.result.Code, c.result.Field = acmesync.Skipped, acmesync.SameAppointment, ""
	c.remove, c.ends = mayBeThere(c), unsettled
	if !c.remove {
		c.ends = done
	}
}

// noteKey keeps what a record has come to among those that are the same appointment.
func (r *round) noteKey(c *candidate) {
	switch {
	case c.key.Stream != acmesync.Appointments || !r.rules.ByBusinessKey():
	case c.business == "" || c.fault != nil:
		r.commit.Unkeyed = append(r.commit.Unkeyed, c.key.AcmeID)
	default:
		r.commit.Keys = append(r.commit.Keys, acmesync.BusinessKey{AcmeID: c.key.AcmeID, Key: c.business, SourceAt: c.item.UpdatedAt, Holds: c.holds})
	}
}
