package bench_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"acmesync/acme"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// poller is the plain way to act on webhooks: they are stored in a table, and a loop looks into it every 50 ms. Everything
// else is the bare program's. It runs inside the benchmark, beside whoever sends the webhooks.
type poller struct {
	*bare
	secret  string
	address string
	tenants map[string]*bareTenant
}

func newPoller(b *testing.B, s *stack) *poller {
	b.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	p := &poller{bare: newBare(b, s), secret: "whsec_" + base64.StdEncoding.EncodeToString(key), tenants: map[string]*bareTenant{}}
	_, err := p.db.Exec(`CREATE TABLE bare.hints (
		n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, webhook_id text NOT NULL UNIQUE, tenant text NOT NULL, acme_id text NOT NULL)`)
	require.NoError(b, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{Handler: http.HandlerFunc(p.take), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	p.address = "http://" + listener.Addr().String() + "/"
	return p
}

// take stores a proven webhook before it answers.
func (p *poller) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	id, err := acme.VerifyWebhook(r.Header, body, []string{p.secret}, time.Now())
	if err != nil {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	events, _, err := acme.ParseEvents(body)
	if err != nil || len(events) != 1 {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	if _, err := p.db.ExecContext(r.Context(), `
		INSERT INTO bare.hints (webhook_id, tenant, acme_id) VALUES ($1, $2, $3) ON CONFLICT (webhook_id) DO NOTHING`,
		id, r.URL.Path[1:], events[0].ObjectID); err != nil {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// during polls for as long as something goes on.
func (p *poller) during(b *testing.B, something func()) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.poll(ctx) }()
	something()
	stop()
	require.NoError(b, <-ended)
}

func (p *poller) poll(ctx context.Context) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := p.work(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// waiting are one tenant's hints.
type waiting struct {
	numbers []int64
	ids     []string
}

// work brings over what has been told since the last look, several tenants at the same time.
func (p *poller) work(ctx context.Context) error {
	rows, err := p.db.QueryContext(ctx, `SELECT n, tenant, acme_id FROM bare.hints ORDER BY n LIMIT 2000`)
	if err != nil {
		return err
	}
	defer rows.Close()
	all := map[string]*waiting{}
	for rows.Next() {
		var n int64
		var tenant, id string
		if err := rows.Scan(&n, &tenant, &id); err != nil {
			return err
		}
		if all[tenant] == nil {
			all[tenant] = &waiting{}
		}
		all[tenant].numbers, all[tenant].ids = append(all[tenant].numbers, n), append(all[tenant].ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(pollsAtOnce)
	for tenant, w := range all {
		group.Go(func() error { return p.bringNamed(ctx, p.tenants[tenant], w) })
	}
	return group.Wait()
}

func (p *poller) bringNamed(ctx context.Context, t *bareTenant, w *waiting) error {
	for len(w.ids) > 0 {
		n := min(len(w.ids), acme.MaxBatch)
		batch, err := t.acme.BatchGet(ctx, acme.Appointments, w.ids[:n])
		if err != nil {
			return err
		}
		err = t.bring(ctx, batch.Items, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM bare.hints WHERE n = ANY ($1)`, pq.Array(w.numbers[:n]))
			return err
		})
		if err != nil {
			return err
		}
		w.ids, w.numbers = w.ids[n:], w.numbers[n:]
	}
	return nil
}
