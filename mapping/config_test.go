package mapping_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func readConfig(t *testing.T, document string) (acmesync.Config, []mapping.Problem) {
	t.Helper()
	c, problems, err := mapping.ReadConfig([]byte(document))
	require.NoError(t, err)
	return c, problems
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	t.Run("an empty document is a good one", func(t *testing.T) {
		t.Parallel()
		c, problems := readConfig(t, `{}`)
		require.Empty(t, problems)
		require.Equal(t, acmesync.Config{}, c)
	})
	t.Run("all faults come at once, each with its place and what would do", func(t *testing.T) {
		t.Parallel()
		_, problems := readConfig(t, `{
			"poll_secs": 60, "page_size": 0,
			"poll": {"quiet_hours": [{"from": "25:00", "days": ["monday"]}]},
			"appointments": {"collision": "upserd", "scope": {"statuses": ["scheduled", "scheduled"]},
				"conflict": {"fields": {"tilte": "acme_wins"}}, "mapping": [{"preset": "copy"}]},
			"people": {"region": "usa", "owners": {"usr_1": ""}},
			"touchpoints": {"off": "yes"}}`)
		got := map[string]string{}
		for _, p := range problems {
			require.NotEmpty(t, p.Message, p.Pointer)
			got[p.Pointer] = p.Hint
		}
		require.Equal(t, map[string]string{
			"/appointments/collision":             "Did you mean upsert? Allowed are upsert, ignore, create.",
			"/appointments/conflict/fields/tilte": "Did you mean title?",
			"/appointments/mapping/0/target":      "Add target.",
			"/appointments/scope/statuses":        "Leave one of them out.",
			"/page_size":                          "Use 1 or more.",
			"/people/owners/usr_1":                "Leave it out for the default.",
			"/people/region":                      "Write two capital letters, such as US or DE.",
			"/poll/quiet_hours/0/days/0":          "Did you mean mon? Allowed are mon, tue, wed, thu, fri, sat, sun.",
			"/poll/quiet_hours/0/from":            "Write a time of day from 00:00 to 23:59, such as 22:00.",
			"/poll/quiet_hours/0/to":              "Add to.",
			"/poll_secs":                          "Did you mean poll_seconds?",
			"/touchpoints/off":                    "",
		}, got)
	})
	t.Run("a name that is near none is answered with all there are", func(t *testing.T) {
		t.Parallel()
		_, problems := readConfig(t, `{"people": {"xyz": 1}}`)
		require.Equal(t, "There are owners, region, time_zone, unmatched_owner.", problems[0].Hint)
	})
	t.Run("what is no JSON is answered with its line and column", func(t *testing.T) {
		t.Parallel()
		_, problems := readConfig(t, "{\n  \"page_size\": 10\n  \"poll_seconds\": 5\n}")
		require.Len(t, problems, 1)
		require.Equal(t, [2]int{3, 3}, [2]int{problems[0].Line, problems[0].Column})
	})
	t.Run("answers quote no value", func(t *testing.T) {
		t.Parallel()
		_, problems := readConfig(t, `{"appointments": {"direction": "secret-word"}, "people": {"region": "secret-word", "time_zone": 7}}`)
		require.NotContains(t, fmt.Sprint(problems), "secret-word")
	})
	for name, document := range map[string]string{
		"nothing":                       ``,
		"null":                          `null`,
		"a list":                        `[]`,
		"a null where a part should be": `{"poll": null}`,
		"a number too large for any":    `{"page_size": 1e999999999}`,
		"a number of many digits":       `{"page_size": ` + strings.Repeat("9", 100_000) + `}`,
		"a fraction":                    `{"page_size": 1.5}`,
		"nesting without end":           strings.Repeat(`{"profile":`, 20_000),
		"one byte too many":             `{"profile": {"x": "` + strings.Repeat("x", mapping.MaxConfigBytes) + `"}}`,
		"more quiet hours than allowed": `{"poll": {"quiet_hours": [` + strings.TrimSuffix(strings.Repeat(`{"from":"01:00","to":"02:00"},`, 51), ",") + `]}}`,
		"two values":                    `{} {}`,
		"no UTF-8":                      "{\"people\": {\"time_zone\": \"\xff\xfe" + strings.Repeat("x", 100) + "\"}}",
	} {
		t.Run(name+" is refused, and soon", func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, problems := readConfig(t, document)
			require.NotEmpty(t, problems)
			require.Less(t, time.Since(began), time.Second)
		})
	}
}

// schemaNode is what of a schema names fields.
type schemaNode struct {
	Ref        string                 `json:"$ref"`
	Defs       map[string]*schemaNode `json:"$defs"`
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Enum       []any                  `json:"enum"`
}

func TestSchemaAgreesWithConfig(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("config.schema.json")
	require.NoError(t, err)
	var root schemaNode
	require.NoError(t, json.Unmarshal(raw, &root))
	resolve := func(n *schemaNode) *schemaNode {
		for n.Ref != "" {
			n = root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
			require.NotNil(t, n)
		}
		return n
	}
	var compare func(at string, n *schemaNode, of reflect.Type)
	compare = func(at string, n *schemaNode, of reflect.Type) {
		n = resolve(n)
		if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			compare(at+"/0", n.Items, of.Elem())
			return
		}
		if of.Kind() != reflect.Struct {
			return
		}
		var fields []string
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
			require.Contains(t, n.Properties, name, "%s: the schema lacks a field of the struct", at)
			compare(at+"/"+name, n.Properties[name], of.Field(i).Type)
		}
		for name := range n.Properties {
			require.Contains(t, fields, name, "%s: the struct lacks a field of the schema", at)
		}
	}
	compare("", &root, reflect.TypeFor[acmesync.Config]())

	t.Run("conflicts are decided for the fields that an event has", func(t *testing.T) {
		event := []string{"deleted"}
		for i := range reflect.TypeFor[app.Event]().NumField() {
			name, _, _ := strings.Cut(reflect.TypeFor[app.Event]().Field(i).Tag.Get("json"), ",")
			// start stands for end too, status for the outcome.
			if !slices.Contains([]string{"external_id", "revision", "if_version", "allow_duplicate", "end", "outcome"}, name) {
				event = append(event, name)
			}
		}
		require.ElementsMatch(t, event, slices.Collect(maps.Keys(root.Defs["conflict"].Properties["fields"].Properties)))
	})
}
