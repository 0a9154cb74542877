package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

func TestFresh(t *testing.T) {
	t.Parallel()
	all, err := files()
	require.NoError(t, err)
	require.Len(t, all, 2)
	for name, content := range all {
		committed, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		require.Equal(t, string(content), string(committed), "docs/%s is not what the contract makes of it any more: run `make collection`", name)
	}
}

func TestCollection(t *testing.T) {
	t.Parallel()
	requests, err := read(acme.Spec)
	require.NoError(t, err)
	text, err := postman(requests)
	require.NoError(t, err)
	var c collection
	require.NoError(t, json.Unmarshal(text, &c))
	t.Run("every operation is there once", func(t *testing.T) {
		t.Parallel()
		named := regexp.MustCompile(`(?m)^      operationId: (\S+)$`).FindAllStringSubmatch(string(acme.Spec), -1)
		require.Len(t, c.Item, len(named))
		for _, one := range named {
			require.True(t, slices.ContainsFunc(c.Item, func(i item) bool { return i.Name == one[1] }), one[1])
		}
	})
	t.Run("a variable is set before it is used", func(t *testing.T) {
		t.Parallel()
		set := []string{"$guid"}
		for _, v := range c.Variable {
			set = append(set, v.Key)
		}
		for i, one := range c.Item {
			if requests[i].survivor {
				set = append(set, "survivorId")
			}
			raw, err := json.Marshal(one.Request)
			require.NoError(t, err)
			for _, used := range regexp.MustCompile(`\{\{([^}]+)\}\}`).FindAllStringSubmatch(string(raw), -1) {
				require.Contains(t, set, used[1], one.Name)
			}
			set = append(set, requests[i].makes)
		}
	})
	t.Run("no key is in it", func(t *testing.T) {
		t.Parallel()
		require.NotContains(t, string(text), "acme_")
	})
	t.Run("the same contract gives the same bytes", func(t *testing.T) {
		t.Parallel()
		for range 5 {
			again, err := read(acme.Spec)
			require.NoError(t, err)
			second, err := postman(again)
			require.NoError(t, err)
			require.Equal(t, string(text), string(second))
			require.Equal(t, string(httpFile(requests)), string(httpFile(again)))
		}
	})
}

func TestContractsThatTheStoryDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, says string }{
		"an operation that is new":   {"operationId: getAccount", "operationId: getTheAccount", "no operation getAccount"},
		"a body without an example":  {"example: { into: con_000002 }", "description: x", "no example"},
		"what is no contract at all": {"openapi: 3.0.3", "{", "read the contract"},
	} {
		t.Run(name+" is told", func(t *testing.T) {
			t.Parallel()
			require.Contains(t, string(acme.Spec), c.old)
			_, err := read([]byte(strings.Replace(string(acme.Spec), c.old, c.new, 1)))
			require.ErrorContains(t, err, c.says)
		})
	}
}
