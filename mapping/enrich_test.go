package mapping_test

import (
	"testing"

	"acmesync"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestEnrichmentRules(t *testing.T) {
	t.Parallel()
	good := acmesync.Enrichment{Name: "loyalty", URL: "https://lookup.example.com/customers/{key}", Key: "contact.email", At: "data.tier"}
	problems := func(change ...func(*acmesync.Enrichment)) []string {
		c := acmesync.Config{}
		for _, f := range change {
			e := good
			f(&e)
			c.Appointments.Enrich = append(c.Appointments.Enrich, e)
		}
		_, found := mapping.Compile(c, mapping.Settings{TimeZone: "UTC"})
		var pointers []string
		for _, p := range found {
			require.NotEmpty(t, p.Message)
			require.NotEmpty(t, p.Hint)
			pointers = append(pointers, p.Pointer)
		}
		return pointers
	}
	t.Run("a good one is taken", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, problems(func(*acmesync.Enrichment) {}))
	})
	t.Run("nonsense is refused where it stands", func(t *testing.T) {
		t.Parallel()
		for text, pointer := range map[string]string{
			"https://lookup.example.com/": "url", "https://{key}.example.com/": "url", "https://a.example/{key}/{key}": "url", "ftp://a.example/{key}": "url",
			"https://user:secret@a.example/{key}": "url", "https://a.example/#/{key}": "url", "{key}": "url", "https://a.example/{key}#top": "url",
		} {
			require.Equal(t, []string{"/appointments/enrich/0/" + pointer}, problems(func(e *acmesync.Enrichment) { e.URL = text }), text)
		}
		for _, name := range []string{"", "Loyalty", "a.b", "a-b", "9"} {
			require.Contains(t, problems(func(e *acmesync.Enrichment) { e.Name = name }), "/appointments/enrich/0/name")
		}
		for _, key := range []string{"", "contact email", "a..b", "$.x", "a[0]"} {
			require.Equal(t, []string{"/appointments/enrich/0/key"}, problems(func(e *acmesync.Enrichment) { e.Key = key }), key)
		}
		require.Equal(t, []string{"/appointments/enrich/0/at"}, problems(func(e *acmesync.Enrichment) { e.At = "a b" }))
	})
	t.Run("two of one name, and a token for two hosts", func(t *testing.T) {
		t.Parallel()
		withToken := func(e *acmesync.Enrichment) { e.Token = true }
		elsewhere := func(e *acmesync.Enrichment) {
			e.Name, e.Token, e.URL = "other", true, "https://elsewhere.example.com/{key}"
		}
		require.Equal(t, []string{"/appointments/enrich/1/name"}, problems(withToken, withToken))
		require.Equal(t, []string{"/appointments/enrich/1/token"}, problems(withToken, elsewhere))
	})
	t.Run("what a third party adds does not travel both ways", func(t *testing.T) {
		t.Parallel()
		_, found := mapping.Compile(acmesync.Config{Appointments: acmesync.AppointmentRules{Direction: acmesync.BothWays, Enrich: []acmesync.Enrichment{good}}}, mapping.Settings{TimeZone: "UTC"})
		require.Len(t, found, 1)
		require.Equal(t, "/appointments/enrich", found[0].Pointer)
	})
}
