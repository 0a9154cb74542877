package control

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"acmesync"
	"acmesync/mapping"
)

// Plan is what a change of the configuration does, told before it is done.
type Plan struct {
	Changed   []string          `json:"changed"`    // JSON pointers of what differs
	ReadAgain []acmesync.Stream `json:"read_again"` // from their beginning: their records may come to something else
	Retries   []PlannedRetry    `json:"retries"`
	Effects   []string          `json:"effects"` // all of it in sentences
}

// PlannedRetry is a review whose records are tried again, because the change may have fixed them.
type PlannedRetry struct {
	Review  string        `json:"review"`
	Code    acmesync.Code `json:"code"`
	Field   string        `json:"field,omitempty"`
	Records int64         `json:"records"`
}

// reviewsAtOnce bounds how many reviews one change retries; what of them is left is read again with its stream.
const reviewsAtOnce = 500

// plan tells what a change does, and the fingerprints of the reviews it retries.
func (c *Control) plan(ctx context.Context, t acmesync.Tenant, after acmesync.Config, changed []string) (Plan, []string, error) {
	p := Plan{Changed: changed, ReadAgain: mapping.Affected(changed), Retries: []PlannedRetry{}, Effects: []string{}}
	if len(changed) == 0 {
		p.Effects = append(p.Effects, "Nothing changes.")
		return p, nil, nil
	}
	reviews, err := c.DB.Reviews(ctx, t.ID, false, reviewsAtOnce)
	if err != nil {
		return p, nil, err
	}
	lives := t.State.Lives() || t.State == acmesync.Held
	var retry []string
	for _, r := range reviews {
		if !lives || r.Open == 0 || !slices.Contains(p.ReadAgain, r.Stream) || !mayBeFixed(r.Code, p.ReadAgain) {
			continue
		}
		retry = append(retry, r.Fingerprint)
		p.Retries = append(p.Retries, PlannedRetry{Review: ReviewID(t.ID, r.Fingerprint), Code: r.Code, Field: r.Field, Records: r.Open})
	}
	return p, retry, c.tellEffects(ctx, &p, t, after, lives)
}

// mayBeFixed tells whether other rules can make something of a record that was parked by this code.
func mayBeFixed(code acmesync.Code, affected []acmesync.Stream) bool {
	switch code {
	case acmesync.TooLarge, acmesync.InternalDefect, acmesync.StreamBlocked:
		return false
	case acmesync.SourceError: // Acme may be asked in another way
		return slices.Contains(affected, acmesync.Users)
	default:
		return true
	}
}

func (c *Control) tellEffects(ctx context.Context, p *Plan, t acmesync.Tenant, after acmesync.Config, lives bool) error {
	tell := func(format string, args ...any) { p.Effects = append(p.Effects, fmt.Sprintf(format, args...)) }
	switch {
	case len(p.ReadAgain) == 0:
		tell("What is synced stays as it is.")
	case t.State == acmesync.Draft, t.State == acmesync.Deactivated, t.State == acmesync.Stopped:
		tell("It holds from the next activation on, which reads everything from its beginning.")
	default:
		balances, err := c.DB.Balance(ctx, t.ID)
		if err != nil {
			return err
		}
		for _, b := range balances {
			if slices.Contains(p.ReadAgain, b.Stream) {
				tell("The %s are read from their beginning again (%d are known). Only what comes to something else is written to the app.", b.Stream, b.Known)
			}
		}
	}
	for _, r := range p.Retries {
		tell("%d records that are parked as %s are tried again.", r.Records, r.Code)
	}
	if before, now := pollText(t.Config), pollText(after); before != now {
		tell("Acme is asked %s, instead of %s.", now, before)
	}
	if before, now := t.Config.PageSize, after.PageSize; before != now {
		tell("Pages hold %d records.", orDefault(now, 200))
	}
	if t.State == acmesync.Paused || t.State == acmesync.NeedsReauth {
		tell("It is carried out once the tenant goes on.")
	} else if lives {
		tell("A page that is being worked on is finished under the old configuration, or done again under the new one.")
	}
	return nil
}

func pollText(c acmesync.Config) string {
	text := fmt.Sprintf("every %d seconds", c.PollSeconds)
	if c.PollSeconds == 0 {
		text = fmt.Sprintf("every %d to %d seconds", orDefault(c.Poll.MinSeconds, 60), orDefault(c.Poll.MaxSeconds, 900))
	}
	if len(c.Poll.At) > 0 {
		text = "at the times " + strings.Join(c.Poll.At, " and ") + " of " + cmp.Or(c.Poll.TimeZone, "the account's time zone")
	}
	if n := len(c.Poll.Quiet); n > 0 {
		text += fmt.Sprintf(" but in %d quiet windows", n)
	}
	return text
}

func orDefault(value, standard int) int {
	if value == 0 {
		return standard
	}
	return value
}
