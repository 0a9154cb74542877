package journal_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/sandbox/crm/journal"
)

func TestJournal(t *testing.T) {
	t.Parallel()

	t.Run("lines come back in order after a reopen", func(t *testing.T) {
		t.Parallel()
		path := create(t, `{"n":1}`, `{"n":2}`)
		j, _ := open(t, path)
		position, err := j.Append([]byte(`{"n":3}`))
		require.NoError(t, err)
		require.NoError(t, j.Sync(position))
		require.NoError(t, j.Close())
		_, lines := open(t, path)
		require.Equal(t, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}, lines)
	})

	for name, tail := range map[string]string{
		"a last line without its end is cut off":   `{"n":3`,
		"a last line of garbage is cut off":        "\x00\x00\x00\n",
		"a whole last line without end is cut off": `{"n":3}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := create(t, `{"n":1}`, `{"n":2}`)
			spoil(t, path, tail)
			j, lines := open(t, path)
			require.Equal(t, []string{`{"n":1}`, `{"n":2}`}, lines)
			_, err := j.Append([]byte(`{"n":4}`))
			require.NoError(t, err)
			require.NoError(t, j.Close())
			_, lines = open(t, path)
			require.Equal(t, []string{`{"n":1}`, `{"n":2}`, `{"n":4}`}, lines)
		})
	}

	t.Run("garbage before the last line is refused", func(t *testing.T) {
		t.Parallel()
		path := create(t, `{"n":1}`)
		spoil(t, path, "{\"n\":\n{\"n\":3}\n")
		_, err := journal.Open(path, func([]byte) error { return nil })
		require.ErrorContains(t, err, "line 2")
	})

	t.Run("a file is never made twice", func(t *testing.T) {
		t.Parallel()
		path := create(t, `{"n":1}`)
		err := journal.Create(path, func(func([]byte) error) error { return nil })
		require.ErrorIs(t, err, os.ErrExist)
	})

	t.Run("writers at the same time lose nothing", func(t *testing.T) {
		t.Parallel()
		path := create(t)
		j, _ := open(t, path)
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				position, err := j.Append([]byte(`{"n":` + strconv.Itoa(i) + `}`))
				if err == nil {
					err = j.Sync(position)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.NoError(t, j.Close())
		_, lines := open(t, path)
		require.Len(t, lines, 200)
	})
}

func create(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "account", "log.jsonl")
	require.NoError(t, journal.Create(path, func(put func([]byte) error) error {
		for _, line := range lines {
			if err := put([]byte(line)); err != nil {
				return err
			}
		}
		return nil
	}))
	return path
}

func open(t *testing.T, path string) (*journal.Journal, []string) {
	t.Helper()
	var lines []string
	j, err := journal.Open(path, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j, lines
}

func spoil(t *testing.T, path, tail string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(tail)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}
