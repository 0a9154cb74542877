package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/lookup"
	"acmesync/mapping"

	"go.temporal.io/sdk/activity"
)

// Third parties are asked before a record is compared: what they add is part of it, for its hash as for its mapping. Answers are
// kept until they expire. While a third party does not answer, an old answer is as good as a new one, and a record without any
// waits or goes on, as the tenant's rules say; records that need nobody go on in any case.

const (
	askedAtOnce   = 8
	askedPerRound = 400              // bounds what one round waits for
	askAgain      = 10 * time.Second // for what waits
)

// enrich completes the round's appointments by each of the tenant's third parties in turn.
func (r *round) enrich(ctx context.Context) error {
	for _, e := range r.rules.Enrichments() {
		if err := r.enrichBy(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) enrichBy(ctx context.Context, e acmesync.Enrichment) error {
	wanting, err := r.keysFor(ctx, e)
	if err != nil || len(wanting) == 0 {
		return err
	}
	keys := make([]string, 0, len(wanting))
	for key := range wanting {
		keys = append(keys, key)
	}
	known, err := r.Lookups.Lookups(ctx, r.fence, e.Name, keys, mapping.LookupExpiry(e))
	if err != nil {
		return err
	}
	asked, err := r.ask(ctx, e, keys, known)
	if err != nil {
		return err
	}
	waits := map[*candidate]bool{}
	for key, records := range wanting {
		answer, have := asked[key]
		if !have {
			answer, have = known[key] // old, and better than none
		}
		for _, c := range records {
			switch {
			case have && answer.Found:
				c.item.Raw = acme.WithCustom(c.item.Raw, e.Name, answer.Body)
			case !have && e.WhenDown != acmesync.GoWithout:
				waits[c] = true
			}
		}
	}
	r.putAside(waits)
	return nil
}

// keysFor names what is to be looked up, and for which records. One that has no key is as complete as it can be.
func (r *round) keysFor(ctx context.Context, e acmesync.Enrichment) (map[string][]*candidate, error) {
	people, err := r.People.Contacts(ctx, r.fence, r.contactIDs(func(c *candidate) bool { return !c.item.Deleted }))
	if err != nil {
		return nil, err
	}
	contacts := make(map[string]acme.Contact, len(people))
	for id, p := range people {
		if contacts[id], err = acme.DecodeContact(p.Body); err != nil {
			return nil, fmt.Errorf("open a contact: %w", err)
		}
	}
	wanting := map[string][]*candidate{}
	for _, c := range r.candidates {
		if c.key.Stream != acmesync.Appointments || c.given || c.poison || c.item.Deleted {
			continue
		}
		if key := mapping.LookupKey(e, c.item, contacts); key != "" {
			wanting[key] = append(wanting[key], c)
		}
	}
	return wanting, nil
}

// ask looks up what is not known, or not lately. A third party that fails is held, and not asked before its time.
func (r *round) ask(ctx context.Context, e acmesync.Enrichment, keys []string, known map[string]acmesync.Lookup) (map[string]acmesync.Lookup, error) {
	var open []string
	for _, key := range keys {
		if !known[key].Fresh && len(open) < askedPerRound {
			open = append(open, key)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	held, err := r.heldNow(ctx, acmesync.DependsOnLookup)
	if err != nil || slices.Contains(held, acmesync.Stream(e.Name)) {
		return nil, err
	}
	source := lookup.Source{URL: e.URL, At: e.At}
	if e.Token {
		source.Token = r.credentials.LookupToken
	}
	answers, failed := r.askAll(ctx, source, open)
	if len(answers) > 0 {
		if err := r.Lookups.CommitLookups(ctx, r.fence, e.Name, answers); err != nil {
			return nil, err
		}
	}
	if failed == nil {
		return answers, r.release(ctx, acmesync.DependsOnLookup, acmesync.Stream(e.Name))
	}
	f := sortFailure(failed)
	r.log.Warn("held", "dependency", f.dependency, "lookup", e.Name, "kind", f.kind, "error", failed)
	return answers, r.hold(ctx, acmesync.Stream(e.Name), f, f.retryAfter)
}

// askAll asks for several keys at a time, until one fails.
func (r *round) askAll(ctx context.Context, source lookup.Source, keys []string) (map[string]acmesync.Lookup, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := &lookup.Client{HTTP: r.HTTP}
	type answer struct {
		key string
		acmesync.Lookup
		err error
	}
	next, answers := make(chan string), make(chan answer)
	var asking sync.WaitGroup
	for range min(askedAtOnce, len(keys)) {
		asking.Go(func() {
			for key := range next {
				value, found, err := client.Get(ctx, source, key)
				answers <- answer{key, acmesync.Lookup{Found: found, Fresh: true, Body: value}, err}
			}
		})
	}
	go func() {
		defer close(answers)
		for _, key := range keys {
			select {
			case next <- key:
				continue
			case <-ctx.Done():
			}
			break
		}
		close(next)
		asking.Wait()
	}()
	all := map[string]acmesync.Lookup{}
	var failed error
	for a := range answers {
		activity.RecordHeartbeat(ctx, r.result)
		if a.err == nil {
			all[a.key] = a.Lookup
		} else if failed == nil {
			failed = a.err
			cancel()
		}
	}
	return all, failed
}

// putAside takes records out of the round that have to wait.
func (r *round) putAside(waits map[*candidate]bool) {
	if len(waits) == 0 {
		return
	}
	kept := r.candidates[:0]
	for _, c := range r.candidates {
		if waits[c] {
			r.waiting = append(r.waiting, c)
		} else {
			kept = append(kept, c)
		}
	}
	r.candidates = kept
}

// settleWaiting leaves what waits for a third party open.
func (r *round) settleWaiting() {
	for _, c := range r.waiting {
		e := &r.ends[c.page]
		e.Rest = append(e.Rest, c.named())
		r.again(c.page, askAgain)
	}
}
