package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"

	"github.com/stretchr/testify/require"
)

func TestDirect(t *testing.T) {
	s := newStack(t, options{workers: 1})
	ctx := t.Context()
	id := acmesync.TenantID("harbor-dental")
	_, err := s.db.CreateTenant(ctx, db.NewTenant{ID: id, Name: "x", AcmeURL: s.acmeURL, AppURL: s.appURL, Actor: "test"})
	require.NoError(t, err)
	require.NoError(t, s.db.SetCredentials(ctx, id, acmesync.Credentials{AcmeAPIKey: s.accounts[id].APIKey, AppToken: s.workspaces[id]}, "test"))
	require.NoError(t, s.db.DescribeAccount(ctx, id, "US", "America/New_York"))
	_, err = s.db.Apply(ctx, id, acmesync.Command{ID: "a", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, s.flows.StartTenant(ctx, id))
	eventually(t, time.Minute, "balanced", func() (bool, string) {
		b, err := s.db.Balance(ctx, id)
		if err != nil {
			return false, err.Error()
		}
		return b[0].Balanced && b[1].Balanced && b[0].Known > 0, fmt.Sprintf("%+v", b)
	})
	b, _ := s.db.Balance(ctx, id)
	t.Logf("%v %+v", time.Since(start), b)
	var x any
	getJSON(t, s.acmeURL+"/admin/accounts/"+string(id)+"/totals", "", &x)
	t.Logf("%+v", x)
	getJSON(t, s.appURL+"/v1/totals", s.workspaces[id], &x)
	t.Logf("%+v", x)
	var st any
	tt, _ := s.db.Tenant(ctx, id)
	t.Logf("%+v %v", tt, st)
}
