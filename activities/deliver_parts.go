package activities

import (
	"context"

	"acmesync"
)

// doubtInstances writes down which events of series are about to change, before they do.
func (r *round) doubtInstances(ctx context.Context) error {
	var doubted []acmesync.Instance
	for _, c := range r.inParts {
		for _, p := range c.parts {
			doubted = append(doubted, p.instance)
		}
	}
	if len(doubted) == 0 {
		return nil
	}
	return r.Ledger.DoubtInstances(ctx, r.fence, doubted)
}

// gather makes of what became of parts what became of their records. Finished parts are committed even where a record is not
// done: its next delivery finds them.
func (r *round) gather() {
	for _, c := range r.inParts {
		open := c.ends == unsettled && (c.event != nil || c.remove)
		for _, p := range c.parts {
			if p.ends == done {
				r.partDone(c, p)
				continue
			}
			open, c.refused, c.alone = true, c.refused || p.refused, c.alone || p.alone
		}
		switch {
		case c.ends == parked:
		case open:
			c.ends = unsettled
		default:
			c.ends = done
			c.conclude()
		}
	}
}

func (r *round) partDone(c, p *candidate) {
	i := p.instance
	i.Mapped, i.AppID, i.Revision = p.mapped, p.result.AppID, p.result.Revision
	switch {
	case p.event != nil:
		if c.place != nil && placeOf(*c.place) == placeOf(i) {
			c.result.AppID, c.result.Revision = i.AppID, i.Revision
		}
		r.commit.Instances = append(r.commit.Instances, i)
	case c.takes() && placeOf(*c.place) == placeOf(i): // left out: the place is taken, and nothing is there
		r.commit.Instances = append(r.commit.Instances, i)
	default:
		r.commit.NoInstances = append(r.commit.NoInstances, i)
	}
}

// conclude says in the ledger where a finished record's events stand.
func (c *candidate) conclude() {
	if c.mark {
		c.result.Steps = c.entry.Steps
		return
	}
	c.result.Steps &= acmesync.StepWritten
	switch {
	case c.series != nil:
		c.result.Steps, c.result.AppID, c.result.Mapped = acmesync.StepSeries, "", c.result.Hash
	case c.place != nil && (c.result.State == acmesync.InStep || c.result.State == acmesync.Skipped):
		c.result.Steps = acmesync.StepException
		if c.result.State == acmesync.Skipped {
			c.result.AppID, c.result.Mapped = "", ""
		}
	case c.result.Steps == 0:
		c.result.AppID, c.result.Mapped = "", ""
	}
}

// giveUp settles records that parked while they were written.
func (r *round) giveUp() {
	for _, c := range r.inParts {
		switch {
		case c.ends != parked:
		case c.series != nil:
			c.result.Steps |= acmesync.StepSeries // what it has written of itself stays
		case c.place != nil && c.entry.Steps&acmesync.StepException == 0:
			r.giveBack(c)
		}
	}
}

// giveBack leaves to the series an instance that an exception never had.
func (r *round) giveBack(c *candidate) {
	for _, p := range c.parts {
		if p.ends == done || placeOf(p.instance) != placeOf(*c.place) {
			continue
		}
		back := p.instance
		back.Holder = back.Series
		if back.AppID != "" {
			r.commit.Instances = append(r.commit.Instances, back)
		} else {
			r.commit.NoInstances = append(r.commit.NoInstances, back)
		}
		r.commit.Expand = append(r.commit.Expand, back.Series)
	}
}
