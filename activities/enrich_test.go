package activities_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// loyalty is a third party that knows how dear a customer is.
type loyalty struct {
	*httptest.Server
	mu    sync.Mutex
	down  bool
	tiers map[string]string
	asked map[string]int
	token string
}

func newLoyalty(t *testing.T) *loyalty {
	l := &loyalty{tiers: map[string]string{}, asked: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		key := strings.TrimPrefix(r.URL.Path, "/customers/")
		l.asked[key]++
		l.token = r.Header.Get("Authorization")
		switch tier, known := l.tiers[key]; {
		case l.down:
			w.WriteHeader(http.StatusBadGateway)
		case !known:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"data":{"tier":"` + tier + `"}}`))
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *loyalty) set(down bool, tiers ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	for i := 0; i+1 < len(tiers); i += 2 {
		l.tiers[tiers[i]] = tiers[i+1]
	}
}

func (l *loyalty) times(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[key]
}

func TestEnrichment(t *testing.T) {
	t.Parallel()
	third := newLoyalty(t)
	rules := func(when acmesync.WhenDown) acmesync.Config {
		return acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{
			Enrich: []acmesync.Enrichment{{
				Name: "loyalty", URL: third.URL + "/customers/{key}", Key: "contact.email", At: "data", WhenDown: when, Token: true, ExpiresSeconds: 3600,
			}},
			Mapping: []acmesync.FieldRule{{Target: "location", CEL: `custom.?loyalty.?tier.orValue("nobody we know")`}},
		}}
	}
	w := newWorld(t, rules(""))
	require.NoError(t, w.SetCredentials(t.Context(), tenant, acmesync.Credentials{LookupToken: "a-token"}, "test"))
	customer := func(id string) {
		w.put(t, "contacts", "con_"+id, map[string]any{"name": id, "emails": []string{strings.ToUpper(id) + "@example.test"}})
		w.put(t, "appointments", "apt_"+id, appointment(map[string]any{"contact_ids": []string{"con_" + id}}))
		w.hook(t, acmesync.Appointments, "apt_"+id, 0)
	}
	shows := func(id, location string) {
		eventually(t, id+" shows "+location, func() bool { e := w.event(t, "apt_"+id); return e != nil && e.Location == location })
	}
	third.set(false, "anna@example.test", "gold")
	w.run(t)
	w.quiet(t)

	t.Run("what a third party knows is there for the mapping, and so is that it knows nothing", func(t *testing.T) {
		customer("anna")
		customer("ben")
		shows("anna", "gold")
		shows("ben", "nobody we know")
		require.Equal(t, "Bearer a-token", third.token)
	})
	t.Run("an answer is kept, and the record compared with it: the same again writes nothing", func(t *testing.T) {
		before, asked := w.writes(t), third.times("anna@example.test")
		w.hook(t, acmesync.Appointments, "apt_anna", 0)
		w.quiet(t)
		require.Equal(t, before, w.writes(t))
		require.Equal(t, asked, third.times("anna@example.test"))
	})
	t.Run("an answer that has expired is asked for again when the record comes by", func(t *testing.T) {
		third.set(false, "anna@example.test", "platinum")
		w.exec(t, `UPDATE lookups SET read_at = now() - interval '2 hours'`)
		w.hook(t, acmesync.Appointments, "apt_anna", 0)
		shows("anna", "platinum")
	})
	t.Run("while it is down what it once said is used, what waits for it is held, and the rest goes on", func(t *testing.T) {
		third.set(true)
		w.exec(t, `UPDATE lookups SET read_at = now() - interval '2 hours'`)
		w.put(t, "appointments", "apt_anna", map[string]any{"subject": "Moved"})
		w.hook(t, acmesync.Appointments, "apt_anna", 0)
		customer("carl")
		w.bring(t, "apt_alone", nil)
		eventually(t, "the others arrive", func() bool {
			e := w.event(t, "apt_anna")
			return w.event(t, "apt_alone") != nil && e.Title == "Moved" && e.Location == "platinum"
		})
		require.Nil(t, w.event(t, "apt_carl"))
		holds, err := w.Holds(t.Context(), tenant)
		require.NoError(t, err)
		require.Len(t, holds, 1)
		require.Equal(t, acmesync.DependsOnLookup, holds[0].Dependency)

		third.set(false, "carl@example.test", "silver")
		w.exec(t, `UPDATE holds SET next_at = now()`)
		w.exec(t, `UPDATE envelopes SET due_at = now() WHERE ended_at IS NULL`)
		shows("carl", "silver")
		eventually(t, "nothing is held", func() bool { return w.scalar(t, `SELECT count(*) FROM holds`) == 0 })
	})
	t.Run("a tenant may choose to go on without it", func(t *testing.T) {
		third.set(true)
		w.ruled(t, rules(acmesync.GoWithout))
		customer("dora")
		shows("dora", "nobody we know")
	})
}
