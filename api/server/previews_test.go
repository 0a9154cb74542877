package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPreviewsThatCannotBe(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "harbor", s)
	const path = "/v1/tenants/harbor/preview"

	t.Run("without credentials it says which are missing", func(t *testing.T) {
		got := b.call(t, http.MethodPost, path, `{}`)
		requireProblem(t, got, http.StatusUnprocessableEntity, "credentials_missing")
		require.Contains(t, got.text, `"/acme/api_key"`)
	})
	require.Equal(t, http.StatusNoContent, b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", `{"acme":{"api_key":"wrong"},"app":{"token":"app-token"}}`).status)
	t.Run("with refused ones it says whose", func(t *testing.T) {
		requireProblem(t, b.call(t, http.MethodPost, path, `{}`), http.StatusUnprocessableEntity, "credentials_refused")
	})
	require.Equal(t, http.StatusNoContent, b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", goodCredentials).status)

	for name, one := range map[string]struct {
		body, query string
		status      int
		code, point string
	}{
		"a draft with a word that is none":      {`{"config":{"appointments":{"collision":"x"}}}`, "", 422, "invalid_config", "/config/appointments/collision"},
		"a draft that contradicts itself":       {`{"config":{"poll":{"min_seconds":900,"max_seconds":60}}}`, "", 422, "invalid_config", "/config/poll/max_seconds"},
		"a draft with a zone that is none":      {`{"config":{"people":{"time_zone":"Mars/Olympus"}}}`, "", 422, "invalid_config", "/config/people/time_zone"},
		"a draft that is quiet all week":        {`{"config":{"poll":{"quiet_hours":[{"from":"00:00","to":"12:00"},{"from":"12:00","to":"00:00"}]}}}`, "", 422, "invalid_config", "/config/poll/quiet_hours"},
		"a draft with a profile that is none":   {`{"config":{"profile":{"appointments":{"paging":{"style":"magic"}}}}}`, "", 422, "invalid_config", ""},
		"a sample beyond what is shown":         {`{"sample":51}`, "", 422, "invalid_value", "/sample"},
		"no records at all":                     {`{"max_records":0}`, "", 422, "invalid_value", "/max_records"},
		"a stream that is none":                 {`{"streams":["contacts"]}`, "", 422, "invalid_value", "/streams/0"},
		"a field that is none":                  {`{"drafft":{}}`, "", 400, "invalid_request", "/drafft"},
		"a list for a draft":                    {`{"config":[]}`, "", 400, "invalid_request", "/config"},
		"a cursor that was made up":             {`{}`, "?cursor=abc", 400, "invalid_cursor", ""},
		"a cursor longer than any":              {`{}`, "?cursor=" + strings.Repeat("a", 9000), 400, "invalid_request", "query:cursor"},
		"an Acme that does not answer as it is": {`{}`, "", 503, "side_unavailable", ""},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			got := b.call(t, http.MethodPost, path+one.query, one.body)
			require.Equal(t, one.status, got.status, got.text)
			require.Equal(t, one.code, got.code(), got.text)
			if one.point != "" {
				require.Contains(t, got.text, `"`+one.point)
			}
		})
	}
	t.Run("nothing of it leaves a trace", func(t *testing.T) {
		require.EqualValues(t, 1, b.call(t, http.MethodGet, "/v1/tenants/harbor/config", "").json["version"])
		connection, err := b.db.Connection(t.Context(), "harbor")
		require.NoError(t, err)
		require.Empty(t, connection.Region, "what the account says of itself is not kept either")
	})
}
