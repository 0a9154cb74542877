package activities

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

// kinds reads the values of a package's constants of type Kind from its source: a new one must not be missing here.
func kinds(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var all []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			all = append(all, text)
		}
		return true
	})
	require.NotEmpty(t, all)
	return all
}

func TestEveryKindIsDecided(t *testing.T) {
	t.Parallel()
	t.Run("what Acme's client answers has a kind of ours", func(t *testing.T) {
		t.Parallel()
		for _, k := range kinds(t, "../acme/failure.go") {
			require.Contains(t, acmeKinds, acme.Kind(k))
		}
	})
	t.Run("what the app's client answers has a kind of ours", func(t *testing.T) {
		t.Parallel()
		for _, k := range kinds(t, "../app/failure.go") {
			require.Contains(t, appKinds, app.Kind(k))
		}
	})
	t.Run("each kind of ours has a verdict", func(t *testing.T) {
		t.Parallel()
		for _, k := range kinds(t, "../failure.go") {
			require.Contains(t, table, acmesync.Kind(k))
		}
	})
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	fromAcme := func(k acme.Kind, after time.Duration) error {
		return fmt.Errorf("list appointments: %w", &acme.Error{Kind: k, RetryAfter: after, Sick: true})
	}
	fromApp := func(k app.Kind, after time.Duration) error {
		return fmt.Errorf("upsert events: %w", &app.Error{Kind: k, RetryAfter: after})
	}
	cases := []struct {
		fact string
		err  error
		want verdict
		on   acmesync.Dependency
	}{
		{"Acme away is a hold on Acme", fromAcme(acme.KindUnavailable, 0), hold, acmesync.DependsOnAcme},
		{"the app away is a hold on the app", fromApp(app.KindUnavailable, 0), hold, acmesync.DependsOnApp},
		{"a short rate limit is waited out", fromAcme(acme.KindRateLimited, 10*time.Second), wait, acmesync.DependsOnAcme},
		{"one without a time is waited out", fromApp(app.KindRateLimited, 0), wait, acmesync.DependsOnApp},
		{"a long one is a hold", fromAcme(acme.KindRateLimited, 10*time.Second+1), hold, acmesync.DependsOnAcme},
		{"a refused key needs a person", fromAcme(acme.KindUnauthorised, 0), reauth, acmesync.DependsOnAcme},
		{"a refused token needs a person", fromApp(app.KindUnauthorised, 0), reauth, acmesync.DependsOnApp},
		{"a lost cursor begins again", fromAcme(acme.KindCursorLost, 0), restart, acmesync.DependsOnAcme},
		{"a record that is gone vanishes", fromAcme(acme.KindGone, 0), vanish, acmesync.DependsOnAcme},
		{"a refused request parks", fromAcme(acme.KindRejected, 0), park, acmesync.DependsOnAcme},
		{"a conflict at Acme parks", fromAcme(acme.KindConflict, 0), park, acmesync.DependsOnAcme},
		{"a record Acme garbles parks", fromAcme(acme.KindMalformed, 0), park, acmesync.DependsOnAcme},
		{"a record the app refuses parks", fromApp(app.KindRejected, 0), park, acmesync.DependsOnApp},
		{"Postgres away repeats the attempt", errors.New("pq: the database system is shutting down"), repeat, ""},
		{"a newer attempt ends this one", fmt.Errorf("commit: %w", acmesync.ErrFenced), repeat, ""},
		{"a command ends this attempt", fmt.Errorf("commit: %w", acmesync.ErrEpoch), repeat, ""},
		{"a cancelled attempt holds nobody", fmt.Errorf("%w: %w", context.Canceled, fromAcme(acme.KindUnavailable, 0)), repeat, ""},
	}
	for _, c := range cases {
		t.Run(c.fact, func(t *testing.T) {
			t.Parallel()
			f := sortFailure(c.err)
			require.Equal(t, c.want, f.verdict())
			require.Equal(t, c.on, f.dependency)
			require.ErrorIs(t, f.err, c.err, "the cause is kept for the log")
		})
	}
	t.Run("a side that answered with errors is told from one that is away", func(t *testing.T) {
		t.Parallel()
		require.True(t, sortFailure(fromAcme(acme.KindUnavailable, 0)).sick)
		require.False(t, sortFailure(fromApp(app.KindUnavailable, 0)).sick)
	})
}

func TestReasons(t *testing.T) {
	t.Parallel()
	t.Run("a reason is a sentence that names the side and quotes nothing", func(t *testing.T) {
		t.Parallel()
		for kind := range table {
			for _, on := range []acmesync.Dependency{acmesync.DependsOnAcme, acmesync.DependsOnApp} {
				for _, sick := range []bool{false, true} {
					reason := reasonFor(failure{kind: kind, dependency: on, sick: sick, err: errors.New("canary")})
					require.NotContains(t, reason, "canary")
					want := "Acme "
					if on == acmesync.DependsOnApp {
						want = "the app "
					}
					require.Contains(t, reason, want)
				}
			}
		}
	})
}
