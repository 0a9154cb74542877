package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// stormRecord is a record of the storm and what the oracle knows of it: what its last writers wrote. Each field has one side
// that writes it, so that the end does not depend on who came first; both sides write the same record at the same time.
type stormRecord struct {
	acmeID, appID  string
	title          string    // the app's
	location       string    // Acme's
	start          time.Time // of even records the app's, of odd ones Acme's
	deleted        bool
	byAcme, byApp  int // edits made by hand on either side
	madeInApp      bool
	doomed, inAcme bool // to be deleted in the storm, and where
	acmeMoves      bool
}

type storm struct {
	*stack
	id      acmesync.TenantID
	seed    uint64
	records []*stormRecord
	zone    *time.Location
}

// TestStorm has people edit, move, delete and make appointments on both sides at once, while webhooks come twice and out of
// order and answers get lost. In the end both sides are what their last writers wrote, nothing is doubled, and no edit has
// cost more than one write on the other side.
func TestStorm(t *testing.T) {
	t.Parallel()
	edits, within := 100, time.Minute
	if text := os.Getenv("TEST_STORM_EDITS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		edits, within = n, time.Minute+time.Duration(n)*200*time.Millisecond
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TEST_STORM_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("TEST_STORM_SEED=%d", seed)
	zone, err := time.LoadLocation("Australia/Sydney")
	require.NoError(t, err)
	m := &storm{stack: newStack(t, options{workers: 2, apis: 1}), id: coral, seed: seed, zone: zone}
	m.activate(t, coral, map[string]any{"poll_seconds": 5, "appointments": map[string]any{"direction": "both"}})
	m.awaitState(t, coral, time.Minute, "active")
	m.prepare(t, edits)
	acmeBefore, appBefore := m.acmeWrites(t), m.appWritten(t)

	m.acmeFaults(t, coral, map[string]any{"answer_lost_share": 0.05, "webhook": map[string]any{"duplicate": 1, "reorder": true}})
	m.appFaults(t, coral, map[string]any{"answer_lost_share": 0.05, "webhook_duplicate": 1, "webhook_reorder": true})
	began := time.Now()
	m.rage(t, edits)
	t.Logf("%d edits made in %v", edits, time.Since(began).Round(time.Millisecond))
	m.acmeFaults(t, coral, map[string]any{})
	m.appFaults(t, coral, map[string]any{})
	eventually(t, within, "both sides are what their last writers wrote", func() (bool, string) {
		off := m.differences(t)
		return len(off) == 0, fmt.Sprintf("%d differences, first %q", len(off), off[:min(len(off), 5)])
	})
	t.Logf("%d edits settled in %v", edits, time.Since(began).Round(time.Millisecond))
	m.awaitBalance(t, within)
	m.countWrites(t, acmeBefore, appBefore)
}

// prepare makes the records that the storm is about, and waits until the app has them.
func (m *storm) prepare(t *testing.T, edits int) {
	t.Helper()
	base := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)
	for i := range max(edits*2/5, 10) {
		r := &stormRecord{acmeID: fmt.Sprintf("apt_9%05d", i), title: "Before the storm", location: "Here", start: base.Add(time.Duration(i) * time.Hour)}
		r.doomed, r.inAcme, r.acmeMoves = i%8 == 7, i%16 == 7, i%2 == 1
		m.putRecord(t, r, map[string]any{
			"subject": r.title, "location": r.location, "owner_id": "usr_01", "contact_ids": []string{},
			"start": m.moment(r.start), "end": m.moment(r.start.Add(time.Hour)),
		})
		m.records = append(m.records, r)
	}
	eventually(t, time.Minute, "the app has all records", func() (bool, string) {
		events := m.events(t)
		for _, r := range m.records {
			e, there := events[acmesync.ExternalID(acmesync.MainConnection, r.acmeID)]
			if !there {
				return false, r.acmeID
			}
			r.appID = e.ID
		}
		return true, ""
	})
}

func (m *storm) moment(at time.Time) map[string]any {
	return map[string]any{"date_time": at.UTC().Format(time.RFC3339), "time_zone": m.zone.String()}
}

func (m *storm) putRecord(t *testing.T, r *stormRecord, fields map[string]any) {
	t.Helper()
	status, body := request(t, http.MethodPut, m.acmeURL+"/admin/accounts/"+string(m.id)+"/records/appointments/"+r.acmeID, "", fields)
	require.Equal(t, http.StatusOK, status, "%s", body)
}

func (m *storm) person(t *testing.T, method, path string, fields map[string]any) []byte {
	t.Helper()
	status, body := request(t, method, m.appURL+"/w/"+string(m.id)+"/events"+path, "", fields)
	require.Less(t, status, 300, "%s %s: %s", method, path, body)
	return body
}

// rage lets six people on either side work at the same time, each on records of their own.
func (m *storm) rage(t *testing.T, edits int) {
	t.Helper()
	const hands = 6
	var all sync.WaitGroup
	var born sync.Mutex
	stable := m.records
	for hand := range hands {
		dice := func(side uint64) *rand.Rand { return rand.New(rand.NewPCG(m.seed, uint64(hand)*2+side)) }
		mine := []*stormRecord{}
		for i := hand; i < len(stable); i += hands {
			mine = append(mine, stable[i])
		}
		all.Go(func() {
			d := dice(0)
			for n := range edits / 2 / hands {
				m.editInAcme(t, mine[d.IntN(len(mine))], n, d)
			}
		})
		all.Go(func() {
			d := dice(1)
			for n := range edits / 2 / hands {
				if n%5 == 4 {
					r := m.makeInApp(t, hand*10_000+n)
					born.Lock()
					m.records = append(m.records, r)
					born.Unlock()
					continue
				}
				m.editInApp(t, mine[d.IntN(len(mine))], n, d)
			}
		})
	}
	all.Wait()
}

// most is how many edits of one record either side makes: more in a short time would be taken for a loop.
const most = 3

func (m *storm) editInAcme(t *testing.T, r *stormRecord, n int, d *rand.Rand) {
	t.Helper()
	switch {
	case r.doomed && !r.inAcme, r.deleted, r.byAcme >= most:
		return
	case r.doomed:
		status, body := request(t, http.MethodDelete, m.acmeURL+"/admin/accounts/"+string(m.id)+"/records/appointments/"+r.acmeID, "", nil)
		require.Equal(t, http.StatusNoContent, status, "%s", body)
		r.deleted = true
	case r.acmeMoves && d.IntN(2) == 0:
		r.start = r.start.Add(time.Duration(1+d.IntN(5)) * time.Hour)
		m.putRecord(t, r, map[string]any{"start": m.moment(r.start), "end": m.moment(r.start.Add(time.Hour))})
	default:
		r.location = fmt.Sprintf("Room %d of %s", n, r.acmeID)
		m.putRecord(t, r, map[string]any{"location": r.location})
	}
	r.byAcme++
	time.Sleep(time.Duration(d.IntN(60)) * time.Millisecond) //nolint:forbidigo // people take their time: it waits for nothing
}

func (m *storm) editInApp(t *testing.T, r *stormRecord, n int, d *rand.Rand) {
	t.Helper()
	switch {
	case r.doomed && r.inAcme, r.deleted, r.byApp >= most:
		return
	case r.doomed:
		m.person(t, http.MethodDelete, "/"+r.appID, nil)
		r.deleted = true
	case !r.acmeMoves && d.IntN(2) == 0:
		r.start = r.start.Add(time.Duration(1+d.IntN(5)) * time.Hour)
		m.person(t, http.MethodPatch, "/"+r.appID, map[string]any{"start": m.moment(r.start), "end": m.moment(r.start.Add(time.Hour))})
	default:
		r.title = fmt.Sprintf("Title %d of %s", n, r.appID)
		m.person(t, http.MethodPatch, "/"+r.appID, map[string]any{"title": r.title})
	}
	r.byApp++
	time.Sleep(time.Duration(d.IntN(60)) * time.Millisecond) //nolint:forbidigo // people take their time: it waits for nothing
}

func (m *storm) makeInApp(t *testing.T, n int) *stormRecord {
	t.Helper()
	r := &stormRecord{title: fmt.Sprintf("Made in the app %d", n), location: "There", madeInApp: true,
		start: time.Now().Add(100 * 24 * time.Hour).UTC().Truncate(time.Hour).Add(time.Duration(n) * time.Minute)}
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal(m.person(t, http.MethodPost, "", map[string]any{
		"title": r.title, "location": r.location, "owner_id": "u_1", "start": m.moment(r.start), "end": m.moment(r.start.Add(time.Hour)),
	}), &made))
	r.appID = made.ID
	if n%2 == 0 { // and thought better of it at once
		r.title += ", edited"
		m.person(t, http.MethodPatch, "/"+r.appID, map[string]any{"title": r.title})
	}
	return r
}

// stormEvent is the app's event as its own feed shows it.
type stormEvent struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id"`
	Deleted    bool   `json:"deleted"`
	Event      struct {
		Title    string            `json:"title"`
		Location string            `json:"location"`
		RawStart map[string]string `json:"start"`
	} `json:"event"`
}

// events reads all the app has, by external id, and those that have none by their own.
func (m *storm) events(t *testing.T) map[string]stormEvent {
	t.Helper()
	all, cursor := map[string]stormEvent{}, ""
	for {
		var page struct {
			Changes    []stormEvent `json:"changes"`
			NextCursor string       `json:"next_cursor"`
			More       bool         `json:"more"`
		}
		getJSON(t, m.appURL+"/v1/event-changes?limit=500&cursor="+cursor, m.workspaces[m.id], &page)
		for _, e := range page.Changes {
			all[e.ID] = e
			if e.ExternalID != "" {
				all[e.ExternalID] = e
			}
		}
		if cursor = page.NextCursor; !page.More {
			return all
		}
	}
}

type stormAppointment struct {
	ID          string            `json:"id"`
	Subject     string            `json:"subject"`
	Location    string            `json:"location"`
	Start       map[string]string `json:"start"`
	DeletedAt   *time.Time        `json:"deleted_at"`
	ExternalRef string            `json:"external_ref"`
}

func (m *storm) appointments(t *testing.T) map[string]stormAppointment {
	t.Helper()
	all, cursor := map[string]stormAppointment{}, "" // the cursor with its name
	for {
		var page struct {
			Data       []stormAppointment `json:"data"`
			NextCursor *string            `json:"next_cursor"`
		}
		getJSON(t, m.acmeURL+"/v1/appointments?limit=200&include_deleted=true"+cursor, m.accounts[m.id].APIKey, &page)
		for _, a := range page.Data {
			all[a.ID] = a
		}
		if page.NextCursor == nil {
			return all
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// instant reads a time as either side writes it, by the standard library alone.
func (m *storm) instant(moment map[string]string) time.Time {
	if at, err := time.Parse(time.RFC3339, moment["date_time"]); err == nil {
		return at.UTC()
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05", moment["date_time"], m.zone)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// differences lists what is not as the oracle has it, on either side.
func (m *storm) differences(t *testing.T) []string {
	t.Helper()
	events, appointments := m.events(t), m.appointments(t)
	var off []string
	differ := func(r *stormRecord, what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			off = append(off, fmt.Sprintf("%s/%s: %s is %v, not %v", r.acmeID, r.appID, what, got, want))
		}
	}
	refs := map[string]int{}
	for _, a := range appointments {
		if a.ExternalRef != "" && a.DeletedAt == nil {
			refs[a.ExternalRef]++
		}
	}
	for _, r := range m.records {
		e := events[r.appID]
		if r.madeInApp {
			acmeID, ours := strings.CutPrefix(e.ExternalID, "acme/main/")
			if !ours {
				off = append(off, r.appID+" is not linked")
				continue
			}
			r.acmeID = acmeID
			differ(r, "appointments made of it", refs["acmesync/main/"+r.appID], 1)
		}
		a := appointments[r.acmeID]
		differ(r, "deleted in Acme", a.DeletedAt != nil, r.deleted)
		differ(r, "deleted in the app", e.Deleted, r.deleted)
		if r.deleted {
			continue
		}
		differ(r, "subject", a.Subject, r.title)
		differ(r, "title", e.Event.Title, r.title)
		differ(r, "location in Acme", a.Location, r.location)
		differ(r, "location in the app", e.Event.Location, r.location)
		differ(r, "start in Acme", m.instant(a.Start), r.start)
		differ(r, "start in the app", m.instant(e.Event.RawStart), r.start)
	}
	return off
}

// awaitBalance waits until the books balance and nothing is under way.
func (m *storm) awaitBalance(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, "the books balance", func() (bool, string) {
		b := m.balance(t, m.id)
		var intents int
		require.NoError(t, m.db.Super.Get(&intents, `SELECT count(*) FROM intents`))
		return b.Balanced && intents == 0, fmt.Sprintf("%d intents, %+v", intents, b)
	})
	require.Zero(t, m.balance(t, m.id).stream(acmesync.Appointments).Parked[string(acmesync.FlipLoop)])
}

// acmeWrites is how often the product has written each appointment.
func (m *storm) acmeWrites(t *testing.T) map[string]int {
	t.Helper()
	var answer struct {
		Records map[string]map[string]int `json:"records"`
	}
	getJSON(t, m.acmeURL+"/admin/accounts/"+string(m.id)+"/writes", "", &answer)
	n := map[string]int{}
	for id, by := range answer.Records {
		n[id] = by["api"]
	}
	return n
}

// appWritten is how often the product has written each event.
func (m *storm) appWritten(t *testing.T) map[string]int {
	t.Helper()
	var answer struct {
		Events []struct {
			ID          string `json:"id"`
			Integration int    `json:"integration"`
		} `json:"events"`
	}
	getJSON(t, m.appURL+"/admin/workspaces/"+string(m.id)+"/event-writes", "", &answer)
	n := map[string]int{}
	for _, e := range answer.Events {
		n[e.ID] = e.Integration
	}
	return n
}

// countWrites holds what the product has written against what people have done on the other side.
func (m *storm) countWrites(t *testing.T, acmeBefore, appBefore map[string]int) {
	t.Helper()
	acmeAfter, appAfter := m.acmeWrites(t), m.appWritten(t)
	for _, r := range m.records {
		toAcme, toApp := acmeAfter[r.acmeID]-acmeBefore[r.acmeID], appAfter[r.appID]-appBefore[r.appID]
		if r.madeInApp {
			require.LessOrEqual(t, toAcme, 2, "%s was made once and edited at most once", r.acmeID)
			require.LessOrEqual(t, toApp, 1, "%s was linked once", r.appID)
			continue
		}
		require.LessOrEqual(t, toAcme, r.byApp, "%s: each edit in the app is at most one write in Acme", r.acmeID)
		require.LessOrEqual(t, toApp, r.byAcme, "%s: each edit in Acme is at most one write in the app", r.appID)
	}
}
