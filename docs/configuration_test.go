package docs_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestConfigurationExamples(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("configuration.md")
	require.NoError(t, err)
	page := string(raw)
	examples := regexp.MustCompile("(?ms)^```json\n(.*?)^```").FindAllStringSubmatch(page, -1)
	require.GreaterOrEqual(t, len(examples), 5)
	for _, example := range examples {
		c, problems, err := mapping.ReadConfig([]byte(example[1]))
		require.NoError(t, err)
		require.Empty(t, problems, example[1])
		_, problems = mapping.Compile(c, mapping.Settings{Region: "US", TimeZone: "America/New_York"})
		require.Empty(t, problems, example[1])
	}
	t.Run("every field of the schema is described", func(t *testing.T) {
		t.Parallel()
		type node struct {
			Properties map[string]node `json:"properties"`
			Defs       map[string]node `json:"$defs"`
		}
		var schema node
		require.NoError(t, json.Unmarshal(mapping.ConfigSchema, &schema))
		for part, fields := range schema.Defs {
			for name := range fields.Properties {
				described := regexp.MustCompile("[`.]" + name + "[`.]").MatchString(page)
				require.True(t, described, "%s.%s", part, name)
			}
		}
		for name := range schema.Properties {
			require.Contains(t, page, "`"+name)
		}
	})
}
