package db_test

import (
	"fmt"
	"sync"
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// chunkOf is a chunk of so many bytes with one row, and a row's place behind it.
func chunkOf(i acmesync.Import, to int64, id string) acmesync.ImportChunk {
	return acmesync.ImportChunk{
		Import: i.ID, From: i.Offset, Offset: to, Rows: i.Rows + 1, Place: fmt.Appendf(nil, `{"offset":%d}`, to), State: acmesync.ImportReceiving, Layout: i.Layout,
		Page: &acmesync.NewPage{Stream: i.Stream, Way: acmesync.ByFile, Priority: acmesync.Backfill, IDs: []string{id}, Records: 1, Body: []byte(`[{"id":"` + id + `"}]`)},
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "harbor")
	upload := begin(t, d, "harbor", acmesync.Fetch)
	upload.Lane = ""
	begun := func(t *testing.T, sum string) acmesync.Import {
		t.Helper()
		i, err := d.OpenImport(ctx, "harbor", acmesync.Import{Stream: acmesync.Appointments, Source: acmesync.FromUpload, Name: "a.csv", Size: 100, SHA256: sum, Layout: "l", Actor: "test"})
		require.NoError(t, err)
		return i
	}
	waiting := func(t *testing.T) int64 {
		t.Helper()
		b, err := d.Backlog(ctx, "harbor")
		require.NoError(t, err)
		return b.Records
	}

	t.Run("of two that send the same piece at the same time one is told to go on elsewhere", func(t *testing.T) {
		i, before := begun(t, ""), waiting(t)
		var sent sync.WaitGroup
		errs := make([]error, 8)
		for n := range errs {
			sent.Go(func() { _, errs[n] = d.CommitChunk(ctx, upload, chunkOf(i, 10, fmt.Sprint("raced-", n))) })
		}
		sent.Wait()
		won := 0
		for _, err := range errs {
			var wrong *acmesync.WrongOffset
			if err == nil {
				won++
				continue
			}
			require.ErrorAs(t, err, &wrong)
			require.EqualValues(t, 10, wrong.Offset)
		}
		require.Equal(t, 1, won)
		require.Equal(t, before+1, waiting(t))
	})
	t.Run("a lane that was fenced commits nothing of a file", func(t *testing.T) {
		i, before := begun(t, ""), waiting(t)
		old := begin(t, d, "harbor", acmesync.Fetch)
		begin(t, d, "harbor", acmesync.Fetch)
		_, err := d.CommitChunk(ctx, old, chunkOf(i, 10, "fenced"))
		require.ErrorIs(t, err, acmesync.ErrFenced)
		require.Equal(t, before, waiting(t))
	})
	t.Run("only contacts that nobody knows are to be read", func(t *testing.T) {
		require.NoError(t, d.CommitFetched(ctx, begin(t, d, "harbor", acmesync.Fetch), acmesync.Fetched{People: []acmesync.Person{person(acmesync.ContactPerson, "con_known", 1)}}))
		c := chunkOf(begun(t, ""), 10, "apt_with_people")
		c.Contacts = []string{"con_known", "con_new"}
		_, err := d.CommitChunk(ctx, upload, c)
		require.NoError(t, err)
		require.Equal(t, "con_new", scalar[string](t, d, `SELECT string_agg(acme_id, ',') FROM envelopes WHERE tenant = 'harbor' AND lane = 'fetch' AND stream = 'contacts' AND ended_at IS NULL`))
	})
	t.Run("people of a file are people, and users of one count as read", func(t *testing.T) {
		exec(t, d, `UPDATE connections SET users_read_at = NULL WHERE tenant = 'harbor'`)
		c := chunkOf(begun(t, ""), 10, "")
		c.Page, c.People = nil, []acmesync.Person{person(acmesync.UserPerson, "usr_file", 1)}
		_, err := d.CommitChunk(ctx, upload, c)
		require.NoError(t, err)
		require.True(t, scalar[bool](t, d, `SELECT users_read_at IS NOT NULL FROM connections WHERE tenant = 'harbor'`))
		require.Equal(t, 1, scalar[int](t, d, `SELECT count(*) FROM people WHERE tenant = 'harbor' AND person_id = 'usr_file'`))
	})
	t.Run("an import that has ended takes nothing more", func(t *testing.T) {
		i := begun(t, "")
		c := chunkOf(i, 100, "last")
		c.State, c.SHA256 = acmesync.ImportComplete, "digest"
		done, err := d.CommitChunk(ctx, upload, c)
		require.NoError(t, err)
		require.Equal(t, acmesync.ImportComplete, done.State)
		_, err = d.CommitChunk(ctx, upload, chunkOf(done, 110, "beyond"))
		var wrong *acmesync.WrongOffset
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, acmesync.ImportDuplicate, begun(t, "digest").State)
	})
}

func TestFoundFiles(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "harbor")
	f := begin(t, d, "harbor", acmesync.Fetch)
	look := func(t *testing.T, found ...acmesync.FoundFile) []string {
		t.Helper()
		due, err := d.LookAtFiles(ctx, f, acmesync.FromFolder, found)
		require.NoError(t, err)
		names := []string{}
		for _, i := range due {
			names = append(names, i.Name)
		}
		return names
	}
	later := func(t *testing.T) {
		t.Helper()
		exec(t, d, `UPDATE imports SET created_at = created_at - interval '1 minute' WHERE tenant = 'harbor'`)
	}
	file := func(stream acmesync.Stream, name string, size int64) acmesync.FoundFile {
		return acmesync.FoundFile{Stream: stream, Name: name, Size: size, Mark: fmt.Sprint(size)}
	}
	tp, contacts := file(acmesync.Touchpoints, "a.csv", 10), file(acmesync.Contacts, "z.csv", 10)

	require.Empty(t, look(t, tp, contacts), "a new file is left alone")
	require.Empty(t, look(t, tp, contacts), "and so it is a moment later")
	later(t)
	tp.Size, tp.Mark = 20, "20"
	require.Equal(t, []string{"z.csv"}, look(t, tp, contacts), "a file that grows is left alone")
	later(t)
	require.Equal(t, []string{"z.csv", "a.csv"}, look(t, tp, contacts), "people come first")

	due, err := d.LookAtFiles(ctx, f, acmesync.FromFolder, []acmesync.FoundFile{tp, contacts})
	require.NoError(t, err)
	chunk := chunkOf(due[1], 5, "tp_1")
	begun, err := d.CommitChunk(ctx, f, chunk)
	require.NoError(t, err)
	tp.Mark = "other"
	require.Equal(t, []string{"z.csv"}, look(t, tp, contacts), "one that is replaced while it is read is new")
	after, err := d.Import(ctx, "harbor", begun.ID)
	require.NoError(t, err)
	require.Equal(t, acmesync.ImportIncomplete, after.State)
	later(t)
	require.Equal(t, []string{"a.csv"}, look(t, tp), "one that is gone is forgotten")

	t.Run("one that was not listed for a moment while it was read is read again", func(t *testing.T) {
		half := file(acmesync.Touchpoints, "half.csv", 10)
		look(t, half)
		later(t)
		due, err := d.LookAtFiles(ctx, f, acmesync.FromFolder, []acmesync.FoundFile{half})
		require.NoError(t, err)
		_, err = d.CommitChunk(ctx, f, chunkOf(due[len(due)-1], 5, "tp_half"))
		require.NoError(t, err)
		require.Empty(t, look(t), "the folder is not mounted")
		require.Empty(t, look(t, half))
		later(t)
		require.Equal(t, []string{"half.csv"}, look(t, half))
		exec(t, d, `DELETE FROM imports WHERE name = 'half.csv'`)
		look(t, tp)
		later(t)
		require.Equal(t, []string{"a.csv"}, look(t, tp))
	})
	t.Run("one that could not be read is read again once its layout is another", func(t *testing.T) {
		exec(t, d, `UPDATE imports SET state = 'failed', layout = 'wrong' WHERE tenant = 'harbor' AND state = 'waiting'`)
		tp.Layout = "wrong"
		require.Empty(t, look(t, tp))
		later(t)
		require.Empty(t, look(t, tp))
		tp.Layout = "right"
		require.Empty(t, look(t, tp))
		later(t)
		require.Equal(t, []string{"a.csv"}, look(t, tp))
	})
	t.Run("files are looked for again after the next activation", func(t *testing.T) {
		require.NoError(t, d.WatchFiles(ctx, f, true))
		positions := func() int {
			return scalar[int](t, d, `SELECT count(*) FROM positions WHERE tenant = 'harbor' AND stream = 'files'`)
		}
		require.Equal(t, 1, positions())
		_, err := d.Apply(ctx, "harbor", acmesync.Command{ID: "walk", Name: acmesync.Rewalk, Actor: "test"})
		require.NoError(t, err)
		require.True(t, scalar[bool](t, d, `SELECT backfilled_at IS NOT NULL FROM positions WHERE tenant = 'harbor' AND stream = 'files'`), "no walk begins anew")
		for _, name := range []acmesync.CommandName{acmesync.Deactivate, acmesync.Activate} {
			_, err = d.Apply(ctx, "harbor", acmesync.Command{ID: string(name) + "-files", Name: name, Actor: "test"})
			require.NoError(t, err)
		}
		require.Zero(t, positions())
		f = begin(t, d, "harbor", acmesync.Fetch)
		require.NoError(t, d.WatchFiles(ctx, f, true))
		require.Empty(t, look(t, tp))
		later(t)
		require.Equal(t, []string{"a.csv"}, look(t, tp))
		require.NoError(t, d.WatchFiles(ctx, f, false))
		require.Zero(t, positions())
	})
}
