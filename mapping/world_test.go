package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// The ordinary world of the tests: usr_1 in New York and usr_2 in Sydney have app users, usr_9 has none.

func acmeUsers() []acme.User {
	return []acme.User{
		{ID: "usr_1", Email: "Grace@Harbor.example", Active: true, TimeZone: "America/New_York"},
		{ID: "usr_2", Email: "ruby@coral.example", Active: false, TimeZone: "Australia/Sydney"},
		{ID: "usr_9", Email: "temp@harbor.example", Active: true, TimeZone: "America/New_York"},
	}
}

func appUsers() []app.User {
	return []app.User{
		{ID: "u-grace", Email: " grace@harbor.EXAMPLE ", TimeZone: "America/New_York", Active: true},
		{ID: "u-ruby", Email: "ruby@coral.example", TimeZone: "Australia/Sydney", Active: true},
	}
}

func staff() mapping.Staff { return mapping.NewStaff(acmeUsers(), appUsers()) }

// occasion puts every appointment in scope: it is known already, and lies in the past.
func occasion() mapping.Occasion {
	return mapping.Occasion{Now: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), Delivered: true}
}

func compiled(t require.TestingT, c acmesync.Config, s mapping.Settings) *mapping.Rules {
	if h, ok := t.(testing.TB); ok {
		h.Helper()
	}
	rules, problems := mapping.Compile(c, s)
	require.Empty(t, problems)
	return rules
}

func settings() mapping.Settings { return mapping.Settings{Region: "US", TimeZone: "America/New_York"} }
