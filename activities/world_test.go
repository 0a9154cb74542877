package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/app"
	"acmesync/db"
	"acmesync/db/dbtest"
	"acmesync/sandbox/business"
	"acmesync/sandbox/calendar"
	"acmesync/sandbox/crm"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
)

const tenant acmesync.TenantID = "coral"

// world is one tenant between both sandboxes, on a real Postgres. Its lanes run in this process, without Temporal.
type world struct {
	*dbtest.Database
	do        *activities.Activities
	acmeURL   string
	appURL    string
	key       string // of the Acme account
	token     string // of the app's workspace
	workspace string
	alerts    *alerts
	hooks     int
	moved     sync.Map // the app's user → the zone they have moved to
}

type alerts struct {
	mu  sync.Mutex
	all []string
}

func (a *alerts) Alert(_ context.Context, _ acmesync.TenantID, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, text)
}

func (a *alerts) texts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.all...)
}

type doorbell struct{}

func (doorbell) Ring(context.Context, acmesync.TenantID) error                 { return nil }
func (doorbell) StartTenant(context.Context, acmesync.TenantID) error          { return nil }
func (doorbell) NoticeReview(context.Context, acmesync.TenantID, string) error { return nil }
func (doorbell) RunningTenants(context.Context) (int64, error)                 { return 1, nil }

// newWorld makes an empty account, an empty workspace and a tenant that is about to start.
func newWorld(t *testing.T, c acmesync.Config) *world {
	t.Helper()
	w := &world{Database: dbtest.New(t), alerts: &alerts{}}
	b := business.All()[2]
	b.Contacts, b.Appointments, b.Touchpoints = 0, 0, 0
	w.workspace = b.ID
	acmeSide, err := crm.Open(crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: []business.Business{b}})
	require.NoError(t, err)
	appSide, err := calendar.Open(calendar.Config{DataDir: t.TempDir(), Seed: 1})
	require.NoError(t, err)
	acmeServer, appServer := httptest.NewServer(acmeSide.Handler()), httptest.NewServer(w.moving(appSide.Handler()))
	t.Cleanup(func() {
		acmeServer.Close()
		appServer.Close()
		require.NoError(t, acmeSide.Close())
		require.NoError(t, appSide.Close())
	})
	w.acmeURL, w.appURL = acmeServer.URL, appServer.URL
	var account struct {
		APIKey string `json:"api_key"`
	}
	w.call(t, http.MethodGet, w.acmeURL+"/admin/accounts/"+b.ID, "", nil, &account)
	w.key = account.APIKey
	var workspaces struct {
		Workspaces []struct{ ID, Token string }
	}
	w.call(t, http.MethodGet, w.appURL+"/admin/workspaces", "", nil, &workspaces)
	for _, space := range workspaces.Workspaces {
		if space.ID == b.ID {
			w.token = space.Token
		}
	}
	w.makeTenant(t, c)
	w.do = &activities.Activities{
		Tenants: w.DB, Lanes: w.DB, Inbox: w.DB, Ledger: w.DB, People: w.DB, Holds: w.DB, Counts: w.DB, Budgets: w.DB,
		Reviews: w.DB, Cleanups: w.DB, Audits: w.DB, Lookups: w.DB, Fleet: w.DB, TwoWay: w.DB, Drift: w.DB, Doorbell: doorbell{}, Alerts: w.alerts,
		HTTP: &http.Client{Timeout: 30 * time.Second}, Gate: activities.NewGate(4), Looker: &activities.Looker{Find: w.DB},
	}
	return w
}

func (w *world) makeTenant(t *testing.T, c acmesync.Config) {
	t.Helper()
	ctx := t.Context()
	_, err := w.CreateTenant(ctx, db.NewTenant{ID: tenant, Name: "Coral", AcmeURL: w.acmeURL, AppURL: w.appURL, Config: c, Actor: "test"})
	require.NoError(t, err)
	require.NoError(t, w.DescribeAccount(ctx, tenant, "account-1", "AU", "Australia/Sydney"))
	require.NoError(t, w.SetCredentials(ctx, tenant, acmesync.Credentials{AcmeAPIKey: w.key, AppToken: w.token}, "test"))
	_, err = w.Apply(ctx, tenant, acmesync.Command{ID: "activate", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)
}

// run starts both lanes again and again until the test ends.
func (w *world) run(t *testing.T) {
	t.Helper()
	stop := make(chan struct{})
	var lanes sync.WaitGroup
	for _, lane := range []func(context.Context, activities.LaneInput) (activities.LaneResult, error){w.do.Fetch, w.do.Deliver} {
		lanes.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := w.attempt(lane, stop); err != nil {
					t.Logf("an attempt failed: %v", err)
				}
			}
		})
	}
	t.Cleanup(func() {
		close(stop)
		lanes.Wait()
	})
}

// attempt runs one attempt of a lane; a closed stop is a worker that leaves.
func (w *world) attempt(lane func(context.Context, activities.LaneInput) (activities.LaneResult, error), stop chan struct{}) (activities.LaneResult, error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(10 * time.Minute)
	env.SetWorkerStopChannel(stop)
	env.RegisterActivity(lane)
	value, err := env.ExecuteActivity(lane, activities.LaneInput{Tenant: tenant})
	var result activities.LaneResult
	if err == nil {
		err = value.Get(&result)
	}
	return result, err
}

type silent struct{}

func (silent) Debug(string, ...any)     {}
func (silent) Info(string, ...any)      {}
func (silent) Warn(string, ...any)      {}
func (silent) Error(string, ...any)     {}
func (s silent) With(...any) log.Logger { return s }

// put lays fields over a record of Acme's, or makes it.
func (w *world) put(t *testing.T, resource, id string, fields map[string]any) {
	t.Helper()
	w.call(t, http.MethodPut, w.acmeURL+"/admin/accounts/"+w.workspace+"/records/"+resource+"/"+id, "", fields, nil)
}

// appointment is one of tomorrow, owned by somebody both sides know.
func appointment(fields map[string]any) map[string]any {
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Hour)
	a := map[string]any{
		"subject": "A visit", "owner_id": "usr_01", "contact_ids": []string{},
		"start": moment(start), "end": moment(start.Add(time.Hour)),
	}
	for name, value := range fields {
		a[name] = value
	}
	return a
}

func moment(at time.Time) map[string]any {
	return map[string]any{"date_time": at.Format(time.RFC3339), "time_zone": "Australia/Sydney"}
}

func (w *world) acmeFaults(t *testing.T, faults map[string]any) {
	t.Helper()
	w.call(t, http.MethodPut, w.acmeURL+"/admin/accounts/"+w.workspace+"/faults", "", faults, nil)
}

func (w *world) appFaults(t *testing.T, faults map[string]any) {
	t.Helper()
	w.call(t, http.MethodPut, w.appURL+"/admin/workspaces/"+w.workspace+"/faults", "", faults, nil)
}

// hook brings a webhook about a record.
func (w *world) hook(t *testing.T, stream acmesync.Stream, id string, version int64) {
	t.Helper()
	c, err := w.Connection(t.Context(), tenant)
	require.NoError(t, err)
	w.hooks++
	name := fmt.Sprintf("hook-%d", w.hooks)
	_, err = w.StoreHooks(t.Context(), []db.HookDelivery{{
		Endpoint: c.HookEndpoint, Tenant: tenant, WebhookID: name, BodySHA: []byte(name),
		Events: []db.HookEvent{{Stream: stream, AcmeID: id, Version: version, Body: []byte("{}")}},
	}})
	require.NoError(t, err)
}

// poll makes every stream due.
func (w *world) poll(t *testing.T) {
	t.Helper()
	w.exec(t, `UPDATE positions SET due_at = now()`)
}

func (w *world) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := w.Super.Exec(query, args...)
	require.NoError(t, err)
}

// event reads what the app has of a record; nil: nothing.
func (w *world) event(t require.TestingT, acmeID string) *app.StoredEvent {
	events := w.events(t, acmeID)
	if len(events) == 0 {
		return nil
	}
	require.Len(t, events, 1)
	return &events[0]
}

func (w *world) events(t require.TestingT, acmeID string) []app.StoredEvent {
	client := &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
	page, err := client.Events(context.Background(), app.EventQuery{ExternalID: acmesync.ExternalID(acmesync.MainConnection, acmeID)})
	require.NoError(t, err)
	return page.Events
}

// quiet waits until nothing is due any more.
func (w *world) quiet(t require.TestingT) {
	eventually(t, "nothing is due", func() bool {
		var busy int
		require.NoError(t, w.Super.Get(&busy, `
			SELECT (SELECT count(*) FROM envelopes WHERE ended_at IS NULL AND due_at <= now()) +
				(SELECT count(*) FROM positions WHERE due_at <= now()) + (SELECT count(*) FROM cells WHERE changed > sent)`))
		return busy == 0
	})
}

func (w *world) balance(t require.TestingT, stream acmesync.Stream) acmesync.Balance {
	all, err := w.Balance(context.Background(), tenant)
	require.NoError(t, err)
	for _, b := range all {
		if b.Stream == stream {
			return b
		}
	}
	return acmesync.Balance{}
}

func eventually(t require.TestingT, what string, holds func() bool) {
	within(t, 30*time.Second, what, holds)
}

func within(t require.TestingT, limit time.Duration, what string, holds func() bool) {
	deadline := time.Now().Add(limit)
	for tick := time.NewTicker(5 * time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			require.FailNow(t, "it never came to pass: "+what)
		}
	}
}

// call is a request that has to be answered well.
func (w *world) call(t *testing.T, method, url, bearer string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, url, answer)
	if out != nil {
		require.NoError(t, json.Unmarshal(answer, out))
	}
}
