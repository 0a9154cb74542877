package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestVault(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := dbtest.New(t)
	_, err := d.CreateTenant(ctx, db.NewTenant{ID: "alpha", Name: "Alpha", AcmeURL: "https://a", AppURL: "https://b", Actor: "test"})
	require.NoError(t, err)
	require.NoError(t, d.SetCredentials(ctx, "alpha", acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-token"}, "test"))

	t.Run("credentials come back as they were set", func(t *testing.T) {
		c, err := d.Credentials(ctx, "alpha")
		require.NoError(t, err)
		require.Equal(t, acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-token"}, c)
	})
	t.Run("no table holds a credential readably", func(t *testing.T) {
		var n int
		require.NoError(t, d.Super.Get(&n, `SELECT count(*) FROM secrets WHERE position('canary'::bytea IN sealed) > 0`))
		require.Zero(t, n)
	})
	t.Run("a ciphertext moved to another place does not open", func(t *testing.T) {
		_, err := d.Super.Exec(`
			UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'app_token') WHERE name = 'acme_api_key'`)
		require.NoError(t, err)
		_, err = d.Credentials(ctx, "alpha")
		require.ErrorContains(t, err, "sealed for another place")
	})
}
