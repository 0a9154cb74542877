package mapping_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// TestDocumentedExamples runs every example of docs/mapping.md on the record that stands there.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/mapping.md")
	require.NoError(t, err)
	document := string(raw)
	var on struct {
		Appointment json.RawMessage
		Contacts    []acme.Contact
		Tables      mapping.Tables
	}
	require.NoError(t, json.Unmarshal([]byte(block(t, document, "json record")[0]), &on))
	result := func(t *testing.T, rule acmesync.FieldRule) string {
		t.Helper()
		a, err := acme.DecodeAppointment(on.Appointment)
		require.NoError(t, err)
		rules := compiled(t, acmesync.Config{Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{rule}, Tables: on.Tables}}, settings())
		e, err := rules.Appointment(a, on.Contacts, staff(), occasion())
		require.NoError(t, err)
		for _, change := range mapping.ChangedFields(app.Event{}, e) {
			if change.Field == rule.Target {
				return change.After
			}
		}
		return ""
	}
	examples := regexp.MustCompile("(?s)```json rule\n(.*?)```\n→ `(.*?)`\n").FindAllStringSubmatch(document, -1)
	require.Len(t, examples, strings.Count(document, "```json rule"))
	for _, example := range examples {
		t.Run(strings.TrimSpace(example[1]), func(t *testing.T) {
			t.Parallel()
			var rule acmesync.FieldRule
			require.NoError(t, json.Unmarshal([]byte(example[1]), &rule))
			require.Equal(t, example[2], result(t, rule))
		})
	}
	for _, lines := range block(t, document, "cel") {
		for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
			expression, want, found := strings.Cut(line, "// → ")
			require.True(t, found, line)
			t.Run(strings.TrimSpace(expression), func(t *testing.T) {
				t.Parallel()
				require.Equal(t, want, result(t, acmesync.FieldRule{Target: "title", CEL: expression}))
			})
		}
	}
}

// TestEverythingIsDocumented wants each name that the checker suggests in its hints to stand in docs/mapping.md.
func TestEverythingIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/mapping.md")
	require.NoError(t, err)
	for _, wrong := range []acmesync.FieldRule{
		{Preset: "copy", Source: "contact.name"}, {Target: "title", Preset: "?"}, {Target: "title", Preset: "copy", Source: "?"},
	} {
		_, problems := mapping.CompileFields([]acmesync.FieldRule{wrong}, nil)
		require.Len(t, problems, 1)
		names := regexp.MustCompile(`"([a-z_]+)"`).FindAllStringSubmatch(problems[0].Hint, -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			require.Regexp(t, "[`#] ?"+name[1]+"\\b", string(raw))
		}
	}
}

func block(t *testing.T, document, language string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(document, -1) {
		found = append(found, m[1])
	}
	require.NotEmpty(t, found)
	return found
}
