package activities

import (
	"context"

	"acmesync"
	"acmesync/mapping"
)

// The ledger remembers the event that the app has taken, as a hash. A record that is mapped again, because it or a person or the
// rules changed, is written only if the event differs: so new rules are delivered to exactly the records they change.

// spare ends a candidate whose event the app holds already. One that a person asked for is written all the same.
func (r *round) spare(c *candidate) {
	c.mapped = mapping.EventHash(*c.event)
	if c.place != nil {
		return // written elsewhere, see planSeries
	}
	if c.again || !c.entry.Delivered() || c.entry.Mapped != c.mapped {
		return
	}
	c.ends = done
	if c.entry.State == acmesync.InStep {
		c.result.Code, c.result.Field = c.entry.Code, c.entry.Field // what was said of it holds still
	}
}

// doubt has the ledger forget what the app holds of records that are about to be written, before they are: an attempt that ends
// between its write and its commit, or whose commit a command refuses, would leave the ledger sure of what is no more.
func (r *round) doubt(ctx context.Context, batches ...[]*candidate) error {
	var keys []acmesync.Key
	for _, batch := range batches {
		for _, c := range batch {
			c.result.Mapped = ""
			if c.known {
				keys = append(keys, c.key)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return r.Ledger.Doubt(ctx, r.fence, keys)
}

// mayBeThere tells whether the app may hold an event of a record that is not to be there. Of one that is new to the ledger an
// attempt that did not commit may have written it.
func mayBeThere(c *candidate) bool {
	return c.entry.Steps >= acmesync.StepWritten || (c.opened && !c.known && c.key.Stream == acmesync.Appointments)
}
