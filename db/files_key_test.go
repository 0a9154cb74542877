package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestFilesKey(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "harbor")
	activated(t, d, "stranger")
	set := func(t *testing.T, c acmesync.Credentials) acmesync.Credentials {
		t.Helper()
		require.NoError(t, d.SetCredentials(ctx, "harbor", c, "test"))
		got, err := d.Credentials(ctx, "harbor")
		require.NoError(t, err)
		return got
	}
	key := acmesync.Credentials{FilesKeyID: "AKIACANARY", FilesSecret: "canary-secret"}
	require.Equal(t, key, set(t, key))

	t.Run("it stays when others are stored", func(t *testing.T) {
		got := set(t, acmesync.Credentials{AppToken: "token"})
		require.Equal(t, acmesync.Credentials{AppToken: "token", FilesKeyID: key.FilesKeyID, FilesSecret: key.FilesSecret}, got)
	})
	t.Run("a bearer token does not meet the key that was there before", func(t *testing.T) {
		got := set(t, acmesync.Credentials{FilesSecret: "bearer"})
		require.Equal(t, acmesync.Credentials{AppToken: "token", FilesSecret: "bearer"}, got)
	})
	t.Run("nothing of it stands in the table, and it opens for no other tenant", func(t *testing.T) {
		set(t, key)
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM connections c WHERE c::text LIKE '%'||encode('canary', 'hex')||'%' OR c::text LIKE '%canary%'`))
		exec(t, d, `UPDATE connections SET (files_secret, files_key_id) = (SELECT files_secret, files_key_id FROM connections WHERE tenant = 'harbor') WHERE tenant = 'stranger'`)
		_, err := d.Credentials(ctx, "stranger")
		require.Error(t, err)
	})
}
