package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
)

// way is a tenant of coral's Acme account that hears of changes in one way alone.
type way struct {
	tenant acmesync.TenantID
	arrive acmesync.Way
	push   string // how Acme tells of changes meanwhile: where it is none of the tenant's, nobody tells it
	config map[string]any
}

// ledgerRow is all that the ledger says of a record, but for what names the arrival and the other side: tenant, generation, hash (it
// covers the bytes as they came), revision, updated_at and app_id. So does mapped of a series' master, which stands for its record:
// its events are compared one by one.
type ledgerRow struct {
	Stream   string    `db:"stream"`
	AcmeID   string    `db:"acme_id"`
	Schema   int       `db:"schema"`
	Steps    int       `db:"steps"`
	Version  int64     `db:"version"`
	SourceAt time.Time `db:"source_at"`
	State    string    `db:"state"`
	Code     string    `db:"code"`
	Field    string    `db:"field"`
	Owner    string    `db:"owner_id"`
	Mapped   string    `db:"mapped"`
}

func (s *stack) ledger(t *testing.T, id acmesync.TenantID) map[string]ledgerRow {
	t.Helper()
	var rows []ledgerRow
	require.NoError(t, s.db.Super.Select(&rows, `
		SELECT stream, acme_id, schema, steps, version, source_at, state, code, field, owner_id,
			CASE WHEN steps & 2 = 0 THEN coalesce(mapped::text, '') ELSE '' END AS mapped
		FROM ledger WHERE tenant = $1
		UNION ALL
		SELECT 'instance of ' || series_id, original, 0, 0, 0, to_timestamp(0), '', '', '', holder, coalesce(mapped::text, '')
		FROM instances WHERE tenant = $1`, id))
	all := make(map[string]ledgerRow, len(rows))
	for _, r := range rows {
		r.SourceAt = r.SourceAt.UTC()
		all[r.Stream+"/"+r.AcmeID] = r
	}
	return all
}

// change lays a field over some of coral's appointments.
func (s *stack) change(t *testing.T, ids []string, fields map[string]any) {
	t.Helper()
	for _, id := range ids {
		status, body := request(t, http.MethodPut, s.acmeURL+"/admin/accounts/"+string(coral)+"/records/appointments/"+id, "", fields)
		require.Less(t, status, 300, "%s", body)
	}
}

// arrived counts which of the records came to a tenant by a way.
func (s *stack) arrived(t *testing.T, id acmesync.TenantID, by acmesync.Way, ids []string) int {
	t.Helper()
	var n int
	require.NoError(t, s.db.Super.Get(&n, `
		SELECT count(DISTINCT acme_id) FROM (
			SELECT acme_id FROM envelopes WHERE tenant = $1 AND way = $2 AND acme_id IS NOT NULL
			UNION ALL SELECT unnest(ids) FROM arrivals WHERE tenant = $1 AND way = $2
		) all_of WHERE acme_id = ANY ($3)`, id, by, pq.Array(ids)))
	return n
}

// TestWays brings the same records in by every way, one after the other, and compares what became of them.
func TestWays(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1, brokers: true})
	daily := func(more map[string]any) map[string]any {
		c := map[string]any{"poll_seconds": 86400}
		maps.Copy(c, more)
		return c
	}
	topic := "arn:aws:sns:sandbox-1:000000000000:acme-" + string(coral)
	ways := []way{
		{coral, acmesync.ByHook, "webhook", daily(nil)},
		{"coral-xml", acmesync.ByPoll, "sns", daily(map[string]any{"profile": map[string]any{"format": "xml", "subscriptions": map[string]any{"none": true}}})},
		{"coral-soap", acmesync.BySOAP, "webhook", daily(map[string]any{"profile": map[string]any{"subscriptions": map[string]any{"format": "soap"}}})},
		{"coral-kafka", acmesync.ByKafka, "kafka", daily(nil)},
		{"coral-sns", acmesync.BySNS, "sns", daily(map[string]any{"sns": map[string]any{"topics": []string{topic}}})},
		{coralFiles, acmesync.ByFile, "sns", s.fromFiles(map[string]any{"folder": "."}, nil)},
	}
	for _, w := range ways[1:] {
		s.twin(t, w.tenant)
	}
	for _, w := range ways {
		s.activate(t, w.tenant, w.config)
		if w.arrive == acmesync.BySNS {
			s.subscribeTopic(t, w.tenant, coral)
		}
	}
	lay := func(name string) {
		for stream, file := range s.export(t, map[string]any{"name": name}) {
			s.lay(t, coralFiles, string(stream)+"-"+name+".csv", file)
		}
	}
	lay("first")
	s.awaitEqual(t, coral, 2*time.Minute)
	for _, w := range ways {
		s.awaitState(t, w.tenant, time.Minute, "active")
	}
	var ids []string
	calendar := s.calendar(t, coral, strings.Clone)
	for _, id := range slices.Sorted(maps.Keys(calendar)) {
		if len(ids) < 20 && calendar[id].Visibility == app.VisibilityFull && !strings.Contains(id, "/") {
			ids = append(ids, id)
		}
	}
	require.Len(t, ids, 20)

	for _, w := range ways {
		t.Run("a set of records by "+string(w.arrive)+" to "+string(w.tenant), func(t *testing.T) {
			s.pushBy(t, coral, w.push)
			room := "Room " + string(w.tenant)
			s.change(t, ids, map[string]any{"location": room})
			switch w.arrive {
			case acmesync.ByPoll:
				s.command(t, w.tenant, "sync", map[string]any{})
			case acmesync.ByFile:
				lay("second")
			default:
			}
			for _, id := range ids {
				eventually(t, 30*time.Second, id+" is in "+room, func() (bool, string) {
					found := s.event(t, w.tenant, id)
					return len(found) == 1 && found[0].Location == room, fmt.Sprintf("%+v", found)
				})
			}
			require.Equal(t, len(ids), s.arrived(t, w.tenant, w.arrive, ids))
		})
	}
	t.Run("all have the same calendar, the same dashboard and the same ledger in the end", func(t *testing.T) {
		lay("last")
		for _, w := range ways {
			if w.arrive != acmesync.ByFile {
				s.command(t, w.tenant, "sync", map[string]any{})
			}
		}
		for _, w := range ways {
			for _, id := range ids {
				eventually(t, time.Minute, string(w.tenant)+" has heard of the last change of "+id, func() (bool, string) {
					found := s.event(t, w.tenant, id)
					return len(found) == 1 && found[0].Location == "Room "+string(coralFiles), fmt.Sprintf("%+v", found)
				})
			}
		}
		s.awaitEqual(t, coral, time.Minute)
		want := s.ledger(t, coral)
		require.NotEmpty(t, want)
		for _, w := range ways[1:] {
			s.sameAsCoral(t, w.tenant)
			got := s.ledger(t, w.tenant)
			require.Len(t, got, len(want), w.tenant)
			for key, row := range want {
				require.Equal(t, row, got[key], "%s of %s", key, w.tenant)
			}
		}
	})
}
