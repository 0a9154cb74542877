package acmesync_test

import (
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestReachedContact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fact    string
		reached acmesync.Reached
		id      string
		many    bool
	}{
		{"nobody has either", acmesync.Reached{}, "", false},
		{"one has the address", acmesync.Reached{ByEmail: []string{"a"}}, "a", false},
		{"the address counts more than the number", acmesync.Reached{ByEmail: []string{"a"}, ByPhone: []string{"b"}}, "a", false},
		{"the number tells which of several with one address", acmesync.Reached{ByEmail: []string{"a", "b"}, ByPhone: []string{"b", "c"}}, "b", false},
		{"several have the address, and the number does not tell", acmesync.Reached{ByEmail: []string{"a", "b"}}, "", true},
		{"one has the number", acmesync.Reached{ByPhone: []string{"a"}}, "a", false},
		{"several have the number", acmesync.Reached{ByPhone: []string{"a", "b"}}, "", true},
	} {
		t.Run(c.fact, func(t *testing.T) {
			t.Parallel()
			id, many := c.reached.Contact()
			require.Equal(t, c.id, id)
			require.Equal(t, c.many, many)
		})
	}
}
