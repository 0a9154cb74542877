package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"acmesync"
)

func (r *round) readAgreed(ctx context.Context, open []*candidate) error {
	if len(open) == 0 {
		return nil
	}
	ids := make([]string, len(open))
	for i, c := range open {
		ids[i], c.both = c.key.AcmeID, &sides{}
	}
	agreed, err := r.TwoWay.Agreed(ctx, r.fence, ids)
	if err != nil {
		return err
	}
	for _, c := range open {
		a, known := agreed[c.key.AcmeID]
		if !known {
			continue
		}
		if err := json.Unmarshal(a.Body, &c.both.state); err != nil {
			return fmt.Errorf("open what was agreed: %w", err)
		}
		c.both.agreed, c.both.flips = true, a.Flips
	}
	return nil
}

// readApp reads what the app has of the records now.
func (r *round) readApp(ctx context.Context, open []*candidate) error {
	for len(open) > 0 {
		n := min(len(open), writeSize)
		byID := make(map[string]*candidate, n)
		ids := make([]string, n)
		for i, c := range open[:n] {
			ids[i] = acmesync.ExternalID(r.fence.Connection, c.eventID())
			byID[ids[i]], c.both.change = c, nil
		}
		changes, err := r.app.ChangesOf(ctx, nil, ids)
		if err != nil {
			return err
		}
		r.called = true
		for _, change := range changes {
			if c := byID[change.ExternalID]; c != nil {
				c.both.change = &change
			}
		}
		open = open[n:]
	}
	return nil
}
