package activities

import (
	"fmt"

	"acmesync"
	"acmesync/mapping"
)

// keptRules are a tenant's rules as they were compiled last, and what they were made of.
type keptRules struct {
	epoch    int64 // raised by each change of the configuration
	settings mapping.Settings
	rules    *mapping.Rules
}

// rulesOf compiles a tenant's configuration, once for all attempts until it changes. A configuration that was taken and does not
// compile now is our own fault: the attempt ends, and so does each until a release that knows it again.
func (a *Activities) rulesOf(t acmesync.Tenant, c acmesync.Connection) (*mapping.Rules, error) {
	settings := mapping.Settings{Region: c.Region, TimeZone: c.TimeZone}
	if found, ok := a.rules.Load(t.ID); ok {
		kept := found.(*keptRules)
		if kept.epoch == t.Epoch && kept.settings == settings {
			return kept.rules, nil
		}
	}
	rules, problems := mapping.Compile(t.Config, settings)
	if len(problems) > 0 {
		return nil, fmt.Errorf("compile the rules of %s: %s: %s", t.ID, problems[0].Pointer, problems[0].Message)
	}
	a.rules.Store(t.ID, &keptRules{epoch: t.Epoch, settings: settings, rules: rules})
	return rules, nil
}
