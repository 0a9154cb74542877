package acme_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func TestAProfileThatIsNoneIsAcmesOwn(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", " ", "null", "{}"} {
		p, problems := acme.ParseProfile([]byte(raw))
		require.Empty(t, problems)
		require.True(t, p.Ordered(acme.Appointments))
		require.True(t, p.Subscribes())
	}
}

func TestFaultsOfAProfile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, pointer, says string }{
		"no JSON":                        {`{`, "", "is no JSON"},
		"a value that is missing":        {`{"":`, "", "is no JSON"},
		"a value that is none":           {`{"a":x}`, "", "is no JSON"},
		"a key twice":                    {`{"prefix":"/a","prefix":"/b"}`, "", "is no JSON"},
		"an array":                       {`[]`, "", "must be an object"},
		"a name misspelt":                {`{"apointments":{}}`, "/apointments", `did you mean "appointments"?`},
		"a name unknown deep inside":     {`{"users":{"paging":{"stile":"page"}}}`, "/users/paging/stile", `did you mean "style"?`},
		"a field the contract lacks":     {`{"users":{"fields":{"e-mail":"mail"}}}`, "/users/fields/e-mail", `did you mean "email"?`},
		"an address instead of a path":   {`{"appointments":{"path":"http://169.254.169.254/latest"}}`, "/appointments/path", "below Acme's base URL"},
		"a path to another host":         {`{"prefix":"//10.0.0.1/crm"}`, "/prefix", "below Acme's base URL"},
		"a path that climbs":             {`{"prefix":"/crm/%2e%2e/admin"}`, "/prefix", "below Acme's base URL"},
		"a path with a query":            {`{"account":{"path":"/me?key=1"}}`, "/account/path", "below Acme's base URL"},
		"a path with user info":          {`{"prefix":"/@evil.example"}`, "/prefix", "below Acme's base URL"},
		"a get without id":               {`{"users":{"get":"/users"}}`, "/users/get", "where the id goes"},
		"a key in the query":             {`{"auth":{"kind":"query"}}`, "/auth/kind", "refused"},
		"a header that is none":          {`{"auth":{"kind":"header","header":"a b"}}`, "/auth/header", "must name the header"},
		"a header that is not for keys":  {`{"auth":{"kind":"header","header":"host"}}`, "/auth/header", "must name the header"},
		"an unknown style":               {`{"users":{"paging":{"style":"cursors"}}}`, "/users/paging/style", `did you mean "cursor"?`},
		"a link without a place":         {`{"users":{"paging":{"style":"link"}}}`, "/users/paging/next", "where the link lies"},
		"pages that never end":           {`{"users":{"limit":null,"paging":{"style":"page"}}}`, "/users/paging/more", "there is more"},
		"a limit beyond measure":         {`{"users":{"limit":{"param":"n","max":5000}}}`, "/users/limit/max", "1 to 1,000"},
		"a negative number":              {`{"users":{"limit":{"param":"n","max":-1}}}`, "/users/limit/max", "whole number"},
		"an unknown time":                {`{"users":{"fields":{"updated_at":{"from":"u","time":"unix_msec"}}}}`, "/users/fields/updated_at/time", `did you mean "unix_ms"?`},
		"a zone that is none":            {`{"appointments":{"fields":{"start":{"from":"u","zone":"Mars/Olympus"}}}}`, "/appointments/fields/start/zone", "IANA"},
		"a local time without a zone":    {`{"users":{"fields":{"updated_at":{"from":"u","time":"local"}}}}`, "/users/fields/updated_at/zone", "is needed"},
		"a clock without a date":         {`{"appointments":{"fields":{"start":{"clock":"t"}}}}`, "/appointments/fields/start/date", "go together"},
		"a rule that has no meaning":     {`{"users":{"fields":{"name":{"from":"n","unit":"s"}}}}`, "/users/fields/name/unit", "no meaning"},
		"an enum with a word of its own": {`{"appointments":{"fields":{"status":{"from":"s","enum":{"X":"cancelled"}}}}}`, "/appointments/fields/status/enum/X", `did you mean "canceled"?`},
		"a path that is none":            {`{"users":{"fields":{"name":"a..b"}}}`, "/users/fields/name/from", "is no path"},
		"a list path with brackets":      {`{"users":{"list":"a[].b"}}`, "/users/list", "keys joined by dots"},
		"a batch that takes no ids":      {`{"users":{"batch":{"path":"/b","ids":"ids"}}}`, "/users/batch/ids", "where in the body"},
		"a scheme nobody knows":          {`{"webhooks":{"signature":"sha1"}}`, "/webhooks/signature", "sha256"},
		"a subscription without address": {`{"subscriptions":{"body":{"a":"b"}}}`, "/subscriptions/body", "where our address goes"},
		"a text where a number belongs":  {`{"users":{"limit":{"param":"n","max":"many"}}}`, "/users/limit/max", "whole number"},
		"a number where a path belongs":  {`{"users":{"fields":{"name":7}}}`, "/users/fields/name", "must be a path"},
		"a format nobody knows":          {`{"format":"yaml"}`, "/format", "json, xml"},
		"an encoding of JSON":            {`{"encoding":"latin1"}`, "/encoding", "xml"},
		"an encoding that is not read":   {`{"format":"xml","encoding":"utf-16"}`, "/encoding", "latin1"},
		"messages nobody sends":          {`{"subscriptions":{"format":"xml"}}`, "/subscriptions/format", "soap"},
		"a parameter with a blank":       {`{"users":{"updated_since":{"param":"a b"}}}`, "/users/updated_since/param", "parameter of the query"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			p, problems := acme.ParseProfile([]byte(c.raw))
			require.Len(t, problems, 1, "%+v", problems)
			require.Equal(t, c.pointer, problems[0].Pointer)
			require.Contains(t, problems[0].Message+": "+problems[0].Hint, c.says)
			require.Zero(t, p)
		})
	}
	t.Run("all faults are told at once", func(t *testing.T) {
		t.Parallel()
		_, problems := acme.ParseProfile([]byte(`{"prefix":"crm","auth":{"kind":"query"},"users":{"limit":{"param":""}},"webhooks":{"signature":"x"}}`))
		require.Len(t, problems, 4)
	})
}

func FuzzParseProfile(f *testing.F) {
	for _, seed := range []string{`{}`, `{"users":{"fields":{"name":["a","b"]}}}`, `{"appointments":{"paging":{"style":"link","next":"n"},"batch":null}}`, `{"format":"xml","contacts":{"fields":{"phones":"p[].@n"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, problems := acme.ParseProfile(raw)
		if len(problems) > 0 {
			require.Zero(t, p)
		}
		_, _, _ = p.ParseEvents(raw)
	})
}
