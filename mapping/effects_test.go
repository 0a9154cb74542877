package mapping_test

import (
	"encoding/json"
	"testing"

	"acmesync"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	of := func(document string) acmesync.Config {
		var c acmesync.Config
		require.NoError(t, json.Unmarshal([]byte(document), &c))
		return c
	}
	both := []acmesync.Stream{acmesync.Appointments, acmesync.Touchpoints}
	for _, c := range []struct {
		fact, before, after string
		changed             []string
		walked              []acmesync.Stream
	}{
		{"nothing differs where only the order of keys does", `{"profile":{"a":1,"b":2}}`, `{"profile":{"b":2,"a":1}}`, []string{}, []acmesync.Stream{}},
		{"an empty part is as none", `{"appointments":{"scope":{}}}`, `{}`, []string{}, []acmesync.Stream{}},
		{"how often is asked alters no record", `{}`, `{"poll_seconds":60,"page_size":50,"poll":{"min_seconds":30,"quiet_hours":[{"from":"01:00","to":"02:00"}]}}`,
			[]string{"/page_size", "/poll/min_seconds", "/poll/quiet_hours", "/poll_seconds"}, []acmesync.Stream{}},
		{"a rule of appointments alters those", `{"appointments":{"collision":"ignore"}}`, `{"appointments":{"collision":"create"}}`,
			[]string{"/appointments/collision"}, both[:1]},
		{"a conflict policy is about what comes", `{}`, `{"appointments":{"conflict":{"default":"newest"}}}`, []string{"/appointments/conflict/default"}, []acmesync.Stream{}},
		{"a count rule alters touch-points", `{}`, `{"touchpoints":{"count_internal":true}}`, []string{"/touchpoints/count_internal"}, both[1:]},
		{"an owner's override alters both, and is named alone", `{"people":{"owners":{"a":"1","b":"2"}}}`, `{"people":{"owners":{"a":"1","b":"3"}}}`,
			[]string{"/people/owners/b"}, both},
		{"the profile alters whatever was read by it", `{}`, `{"profile":{"paths":{"users":"/staff"}}}`, []string{"/profile/paths/users"},
			[]acmesync.Stream{acmesync.Appointments, acmesync.Touchpoints, acmesync.Contacts, acmesync.Users}},
	} {
		t.Run(c.fact, func(t *testing.T) {
			t.Parallel()
			changed, err := mapping.Changed(of(c.before), of(c.after))
			require.NoError(t, err)
			require.Equal(t, c.changed, changed)
			require.Equal(t, c.walked, mapping.Affected(changed))
		})
	}
	t.Run("a change that nobody has classified alters all", func(t *testing.T) {
		t.Parallel()
		require.Len(t, mapping.Affected([]string{"/something_new"}), 4)
	})
}
