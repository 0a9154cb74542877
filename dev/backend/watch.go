package backend

import (
	"context"
	"fmt"
	"time"
)

// lookEvery is how often the tenants are looked at: seldom enough not to be what the api is busy with.
const lookEvery = time.Second

// Watch follows the first sync of the tenants.
type Watch struct {
	Product   Product
	Sandboxes Sandboxes
	// Say gets one line per tenant whenever its figures changed, at most one each Every.
	Say   func(format string, args ...any)
	Every time.Duration
}

// View is what is known of one tenant at a time.
type View struct {
	Row
	// Differences is empty when everything is in step and equals what the sandboxes count.
	Differences []string
}

// UntilInStep returns when no tenant has a difference left, or with the context's error and the last view.
func (w Watch) UntilInStep(ctx context.Context, businesses []Business) ([]View, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	said := map[string]string{}
	var next time.Time
	var last []View
	for {
		views, err := w.look(ctx, businesses)
		if err == nil {
			last = views
			if inStep(views) {
				return views, nil
			}
			if time.Now().After(next) {
				w.progress(ctx, businesses, views, said)
				next = time.Now().Add(w.Every)
			}
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return last, fmt.Errorf("wait for the first sync: %w", err)
		case <-tick.C:
		}
	}
}

// look reads one view of every tenant. The balance is read before the totals: at rest the order is the same,
// and while records move a difference is only seen one look longer.
func (w Watch) look(ctx context.Context, businesses []Business) ([]View, error) {
	views := make([]View, 0, len(businesses))
	for _, b := range businesses {
		balance, err := w.Product.Balance(ctx, b.ID)
		if err != nil {
			return nil, err
		}
		totals, err := w.Sandboxes.Totals(ctx, b)
		if err != nil {
			return nil, err
		}
		views = append(views, View{Row: Row{Tenant: b.ID, Balance: balance, Totals: totals}, Differences: Differences(balance, totals)})
	}
	return views, nil
}

func (w Watch) progress(ctx context.Context, businesses []Business, views []View, said map[string]string) {
	for i, v := range views {
		state, err := w.Product.State(ctx, businesses[i].ID)
		if err != nil {
			state = "unknown"
		}
		line := fmt.Sprintf("%-15s %-9s", v.Tenant, state)
		for _, name := range []string{Appointments, Touchpoints} {
			s := v.Balance[name]
			s.Stream = name
			done, of := Done(s, v.Totals)
			line += fmt.Sprintf("  %s %d of %d", name, done, of)
		}
		if len(v.Differences) == 0 {
			line += "  in step"
		}
		if said[v.Tenant] != line {
			said[v.Tenant] = line
			w.Say("%s", line)
		}
	}
}

func inStep(views []View) bool {
	for _, v := range views {
		if len(v.Differences) > 0 {
			return false
		}
	}
	return true
}
