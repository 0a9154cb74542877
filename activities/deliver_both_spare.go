package activities

import (
	"context"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// sparePeoples keeps a series from writing over what people have done with its instances and nobody has looked at yet: those are
// left to be looked at. Where nothing of that travels, the event becomes what both make of it.
func (r *round) sparePeoples(ctx context.Context) error {
	if !r.bothWays() {
		return nil
	}
	parts := map[string]*candidate{}
	var ids []string
	for _, c := range r.inParts {
		for _, p := range c.parts {
			if c.series != nil && p.event != nil && p.instance.AppID != "" {
				ids = append(ids, p.event.ExternalID)
				parts[p.event.ExternalID] = p
			}
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), writeSize)
		changes, err := r.app.ChangesOf(ctx, nil, ids[:n])
		if err != nil {
			return err
		}
		for _, change := range changes {
			if p := parts[change.ExternalID]; p != nil {
				if err := r.spareInstance(ctx, p, change); err != nil {
					return err
				}
			}
		}
		ids = ids[n:]
	}
	return nil
}

func (r *round) spareInstance(ctx context.Context, p *candidate, change app.Change) error {
	if change.Origin != app.OriginUser {
		p.event.IfVersion = change.Version
		return nil
	}
	if !change.Deleted {
		i := changed{change: change, at: placeOf(p.instance), row: p.instance, event: *p.event, series: acme.Appointment{UpdatedAt: p.of.item.UpdatedAt}}
		merged, _, _, err := r.mergeInstance(ctx, i, "")
		if err != nil {
			return err
		}
		if len(merged.ToAcme) == 0 && !merged.Undecided() {
			r.overruleInstance(i, merged)
			id := p.event.ExternalID
			*p.event = merged.ToApp
			p.event.ExternalID, p.event.IfVersion = id, change.Version
			return nil
		}
	}
	p.of.drop(p)
	r.commit.Hints = append(r.commit.Hints, acmesync.Key{Stream: acmesync.AppEvents, AcmeID: change.ID})
	return nil
}

// drop takes a part off a candidate: it is not to be written now.
func (c *candidate) drop(part *candidate) {
	for n, p := range c.parts {
		if p == part {
			c.parts = append(c.parts[:n:n], c.parts[n+1:]...)
			return
		}
	}
}
