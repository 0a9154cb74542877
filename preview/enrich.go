package preview

import (
	"context"

	"acmesync/acme"
	"acmesync/mapping"
)

// enrich completes records by what third parties have answered before. A preview asks none of them: a record they were never asked
// about is judged without.
func (p *Preview) enrich(ctx context.Context, items []acme.Item, contacts map[string]acme.Contact) error {
	for _, e := range p.Draft.Enrichments() {
		keys := make([]string, len(items))
		var wanted []string
		for i, item := range items {
			if keys[i] = mapping.LookupKey(e, item, contacts); keys[i] != "" && item.ID != "" && !item.Deleted {
				wanted = append(wanted, keys[i])
			}
		}
		known, err := p.Memory.Lookups(ctx, p.fence(), e.Name, wanted, mapping.LookupExpiry(e))
		if err != nil {
			return err
		}
		for i, key := range keys {
			if answer := known[key]; answer.Found {
				items[i].Raw = acme.WithCustom(items[i].Raw, e.Name, answer.Body)
			}
		}
	}
	return nil
}
