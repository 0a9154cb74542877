package mapping_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

var update = flag.Bool("update", false, "write the golden files anew; look at what changed")

// given is what a golden pair starts from. Records are decoded as they are in the product; what stays
// empty is the ordinary case, see world.
type given struct {
	Appointment json.RawMessage `json:"appointment,omitempty"`
	Touchpoint  json.RawMessage `json:"touchpoint,omitempty"`
	Contacts    []acme.Contact  `json:"contacts,omitempty"`
	AcmeUsers   []acme.User     `json:"acme_users,omitempty"`
	AppUsers    []app.User      `json:"app_users,omitempty"`
	Region      string          `json:"region,omitempty"`
	TimeZone    *string         `json:"time_zone,omitempty"`
	Config      acmesync.Config `json:"config,omitzero"`
	Now         *time.Time      `json:"now,omitempty"` // left out: the record is in scope
	Delivered   bool            `json:"delivered,omitempty"`
}

// outcome is what became of it: exactly one of the first five.
type outcome struct {
	Series *mapping.Series `json:"series,omitempty"`
	Event  *app.Event      `json:"event,omitempty"`
	Fact   *acmesync.Fact  `json:"fact,omitempty"`
	Skip   *mapping.Skip   `json:"skip,omitempty"`
	Fault  *acmesync.Fault `json:"fault,omitempty"`

	Place *acmesync.Instance `json:"place,omitempty"`
}

// TestGolden maps every testdata/<name>.json and compares with <name>.golden.json.
func TestGolden(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	pairs := 0
	for _, input := range inputs {
		name, isInput := strings.CutSuffix(input, ".json")
		if !isInput || strings.HasSuffix(name, ".golden") {
			continue
		}
		pairs++
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			compare(t, name+".golden.json", mapped(t, read(t, input)))
		})
	}
	require.NotZero(t, pairs)
	if !*update {
		require.Len(t, inputs, 2*pairs, "an input without its golden file, or the reverse")
	}
}

func compare(t *testing.T, golden string, got outcome) {
	t.Helper()
	var text strings.Builder
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	require.NoError(t, out.Encode(got))
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text.String())
}

func read(t *testing.T, path string) given {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	in := json.NewDecoder(strings.NewReader(string(raw)))
	in.DisallowUnknownFields()
	var g given
	require.NoError(t, in.Decode(&g))
	return g
}

func mapped(t *testing.T, g given) outcome {
	t.Helper()
	s := settings()
	if g.Region != "" {
		s.Region = g.Region
	}
	if g.TimeZone != nil {
		s.TimeZone = *g.TimeZone
	}
	rules := compiled(t, g.Config, s)
	staff := rules.Staff(orDefault(g.AcmeUsers, acmeUsers()), orDefault(g.AppUsers, appUsers()))
	on := occasion()
	if g.Now != nil {
		on = mapping.Occasion{Now: *g.Now, Delivered: g.Delivered}
	}
	if g.Touchpoint != nil {
		p, err := acme.DecodeTouchpoint(g.Touchpoint)
		require.NoError(t, err)
		fact, err := rules.Touchpoint(p, staff, on)
		return settle(t, outcome{Fact: &fact}, err)
	}
	a, err := acme.DecodeAppointment(g.Appointment)
	require.NoError(t, err)
	if a.Recurrence == nil && a.SeriesID == "" {
		event, err := rules.Appointment(a, g.Contacts, staff, on)
		return settle(t, outcome{Event: &event}, err)
	}
	contacts := map[string]acme.Contact{}
	for _, c := range g.Contacts {
		contacts[c.ID] = c
	}
	got, err := rules.Record(acmesync.Appointments, acme.Item{Raw: g.Appointment}, contacts, staff, on)
	o := settle(t, outcome{Series: got.Series, Event: got.Event}, err)
	o.Place = got.Place
	return o
}

func settle(t *testing.T, good outcome, err error) outcome {
	t.Helper()
	var skip *mapping.Skip
	var fault *acmesync.Fault
	switch {
	case err == nil:
		return good
	case errors.As(err, &skip):
		return outcome{Skip: skip}
	case errors.As(err, &fault):
		return outcome{Fault: fault}
	}
	require.NoError(t, err)
	return outcome{}
}

func orDefault[T any](given, ordinary []T) []T {
	if given != nil {
		return given
	}
	return ordinary
}
