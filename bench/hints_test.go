package bench_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

// mailbox is where a side takes webhooks about an account, and the workspace where their effect is seen.
type mailbox struct {
	account   account
	workspace workspace
	url       string
	secret    string
	unsent    []acme.Item // records changed in Acme that nobody was told of
}

// hint is a webhook about one record, and when it was sent and seen to have had its effect.
type hint struct {
	to      *mailbox
	record  acme.Item
	body    []byte
	sent    time.Time
	arrived time.Time
}

// prepare makes new records in Acme that Acme keeps silent about, to be told by our own webhooks.
func (m *mailbox) prepare(b *testing.B, s *stack, n int) {
	b.Helper()
	client := acme.Client{BaseURL: s.acmeURL, APIKey: m.account.APIKey, HTTP: admin}
	began := time.Now().Add(-time.Second)
	for len(m.unsent) < n {
		// Some are made as bad as in life, and never arrive: a few more are asked for.
		ask(b, http.MethodPost, s.acmeURL+"/admin/accounts/"+m.account.ID+"/import", "", map[string]any{"n": 2 * n, "kind": "appointments"}, nil)
		m.unsent = m.unsent[:0]
		for q := (acme.ListQuery{Limit: 500, UpdatedSince: began}); ; {
			page, err := client.List(b.Context(), acme.Appointments, q)
			require.NoError(b, err)
			m.unsent = append(m.unsent, slices.DeleteFunc(page.Items, func(i acme.Item) bool { return i.Deleted })...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		bad := s.badRecords(b, m.account)
		m.unsent = slices.DeleteFunc(m.unsent, func(i acme.Item) bool { return bad[i.ID] })
	}
}

// badRecords are those of an account that cannot be carried over.
func (s *stack) badRecords(b *testing.B, a account) map[string]bool {
	b.Helper()
	var manifest struct {
		Appointments []struct {
			ID string `json:"id"`
		} `json:"appointments"`
	}
	ask(b, http.MethodGet, s.acmeURL+"/admin/accounts/"+a.ID+"/manifest", "", nil, &manifest)
	bad := map[string]bool{}
	for _, one := range manifest.Appointments {
		bad[one.ID] = true
	}
	return bad
}

// next takes hints from all mailboxes in turn.
func next(b *testing.B, from []*mailbox, n int) []*hint {
	b.Helper()
	hints := make([]*hint, n)
	for i := range hints {
		m := from[i%len(from)]
		require.NotEmpty(b, m.unsent, "enough records were prepared")
		h := &hint{to: m, record: m.unsent[0]}
		m.unsent = m.unsent[1:]
		body, err := json.Marshal([]acme.Event{{
			EventID: "evt_" + m.account.ID + "_" + h.record.ID, AccountID: m.account.ID, Type: "appointment.created",
			ObjectID: h.record.ID, Version: h.record.Version, OccurredAt: h.record.UpdatedAt, Attempt: 1, Origin: "user",
		}})
		require.NoError(b, err)
		h.body = body
		hints[i] = h
	}
	return hints
}

// send posts a signed webhook. The clock starts before the request does.
func (h *hint) send(client *http.Client) error {
	h.sent = time.Now()
	req, err := http.NewRequest(http.MethodPost, h.to.url, bytes.NewReader(h.body))
	if err != nil {
		return err
	}
	req.Header = acme.SignWebhook(h.to.secret, "msg_"+h.to.account.ID+"_"+h.record.ID, h.sent, h.body)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("webhook: %s: %s", res.Status, answer)
	}
	return err
}

// sendEvenly sends hints at a steady rate, whether the ones before were answered or not.
func sendEvenly(b *testing.B, hints []*hint, every time.Duration) {
	b.Helper()
	client := keepAlive()
	defer client.CloseIdleConnections()
	var under sync.WaitGroup
	errs := make([]error, len(hints))
	began := time.Now()
	for i, h := range hints {
		<-time.After(time.Until(began.Add(time.Duration(i) * every)))
		under.Go(func() { errs[i] = h.send(client) })
	}
	under.Wait()
	for _, err := range errs {
		require.NoError(b, err)
	}
}

// awaitArrivals finds out when the app got each hint's record. It answers how many came more than once.
func (s *stack) awaitArrivals(b *testing.B, hints []*hint) (twice int) {
	b.Helper()
	of := map[string]*hint{}
	places := map[string]workspace{}
	for _, h := range hints {
		of[h.to.workspace.ID+h.external()] = h
		places[h.to.workspace.ID] = h.to.workspace
	}
	await(b, hintDeadline, "every hint has arrived", func() (bool, string) {
		missing := len(hints)
		twice = 0
		for _, h := range hints {
			h.arrived = time.Time{}
		}
		for _, w := range places {
			for _, a := range s.arrivals(b, w, 0) {
				switch h := of[w.ID+a.ExternalID]; {
				case h == nil:
				case h.arrived.IsZero():
					h.arrived = a.At
					missing--
				default:
					twice++
				}
			}
		}
		return missing == 0, fmt.Sprintf("%d are missing", missing)
	})
	return twice
}

func (h *hint) external() string { return acmesync.ExternalID(acmesync.MainConnection, h.record.ID) }

// delays are the times from sending to arrival, in ms, of the hints sent after so long.
func delays(hints []*hint, after time.Duration) sample {
	first := slices.MinFunc(hints, func(x, y *hint) int { return cmp.Compare(x.sent.UnixNano(), y.sent.UnixNano()) }).sent
	var all sample
	for _, h := range hints {
		if h.sent.Sub(first) >= after {
			all = append(all, float64(h.arrived.Sub(h.sent).Microseconds())/1000)
		}
	}
	return all
}

// hookURL is where the product takes a tenant's webhooks, and the secret they are signed with.
func (s *stack) hookURL(b *testing.B, id acmesync.TenantID) (address, secret string) {
	b.Helper()
	connection, err := s.db.Connection(b.Context(), id)
	require.NoError(b, err)
	secrets, err := s.db.HookSecrets(b.Context(), id)
	require.NoError(b, err)
	require.NotEmpty(b, secrets, "Acme was subscribed to")
	address, err = url.JoinPath(s.apiURL, "hooks", "acme", connection.HookEndpoint)
	require.NoError(b, err)
	return address, secrets[0]
}
