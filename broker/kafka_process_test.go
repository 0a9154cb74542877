package broker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"acmesync"
	"acmesync/broker"
	"acmesync/db"
	"acmesync/db/dbtest"
	"acmesync/hints"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

// TestMain is the main of another consumer too: a process of its own that can be killed like any.
func TestMain(m *testing.M) {
	if seeds := os.Getenv("TEST_BROKER_SEEDS"); seeds != "" {
		fmt.Fprintln(os.Stderr, consume(strings.Split(seeds, ",")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const topic = "acme.changes"

// consume goes on until it is killed, by itself between the commit in Postgres and that of the offsets where that is asked for.
func consume(seeds []string) error {
	vault, err := db.NewVault(os.Getenv("TEST_BROKER_KEYSET"))
	if err != nil {
		return err
	}
	memory, err := db.Open(context.Background(), os.Getenv("TEST_BROKER_DATABASE"), vault)
	if err != nil {
		return err
	}
	if os.Getenv("TEST_BROKER_SUICIDAL") != "" {
		return consumer(seeds, memory, suicidal{memory}).Run(context.Background())
	}
	return consumer(seeds, memory, memory).Run(context.Background())
}

// suicidal is the inbox of a process that dies after its first commit.
type suicidal struct{ *db.DB }

func (s suicidal) StoreHooks(ctx context.Context, all []acmesync.HookDelivery) ([]acmesync.HookStatus, error) {
	statuses, err := s.DB.StoreHooks(ctx, all)
	if err == nil && len(all) > 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		<-ctx.Done()
	}
	return statuses, err
}

type noBell struct{}

func (noBell) Ring(acmesync.TenantID) {}

func consumer(seeds []string, memory *db.DB, inbox broker.Inbox) *broker.Kafka {
	figures, _ := broker.NewFigures(noop.Meter{})
	return &broker.Kafka{
		Options: broker.KafkaOptions{Brokers: seeds, Topic: topic, Group: "acmesync"}, Log: zap.NewNop(),
		Intake: &broker.Intake{
			Inbox: inbox, Hints: &hints.Reader{Profiles: memory}, Bell: noBell{}, Counts: figures, Unavailable: db.Unavailable, Log: zap.NewNop(),
		},
	}
}

// connected is an active tenant with an account of that id.
func connected(t testing.TB, d *dbtest.Database, id acmesync.TenantID, account string) {
	t.Helper()
	ctx := t.Context()
	_, err := d.CreateTenant(ctx, db.NewTenant{ID: id, Name: string(id), AcmeURL: "https://acme.example", AppURL: "https://app.example", Actor: "test"})
	require.NoError(t, err)
	require.NoError(t, d.SetCredentials(ctx, id, acmesync.Credentials{AcmeAPIKey: "key", AppToken: "token"}, "test"))
	require.NoError(t, d.DescribeAccount(ctx, id, account, "AU", "Australia/Sydney"))
	_, err = d.Apply(ctx, id, acmesync.Command{ID: "activate", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)
}

// newTopic is a broker in this process with n events of coral's in four partitions.
func newTopic(t testing.TB, n int) (seeds []string, client *kgo.Client) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, topic))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	client, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for from := 0; from < n; from += 1000 {
		var records []*kgo.Record
		for i := from; i < min(from+1000, n); i++ {
			records = append(records, change(i))
		}
		require.NoError(t, client.ProduceSync(context.Background(), records...).FirstErr())
	}
	return c.ListenAddrs(), client
}

func change(i int) *kgo.Record {
	return &kgo.Record{Key: fmt.Appendf(nil, "coral:apt_%06d", i), Value: fmt.Appendf(nil, `{"event_id":"evt_%024d","account_id":"coral",`+
		`"type":"appointment.updated","object_id":"apt_%06d","version":%d,"occurred_at":"2026-03-09T14:30:00.000000Z","attempt":1,"origin":"user"}`, i, i, i%7+1)}
}

func lag(t testing.TB, client *kgo.Client) int64 {
	t.Helper()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(context.Background(), topic)
	require.NoError(t, err)
	committed, _ := admin.FetchOffsets(context.Background(), "acmesync") // fails until there is such a group
	lag := int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		at := int64(0)
		if c, ok := committed.Lookup(topic, o.Partition); ok {
			at = c.At
		}
		lag += o.Offset - at
	})
	return lag
}

func hintsOf(t testing.TB, d *dbtest.Database) (all, different int) {
	t.Helper()
	require.NoError(t, d.Super.QueryRow(`SELECT count(*), count(DISTINCT acme_id) FROM envelopes WHERE way = 'kafka'`).Scan(&all, &different))
	return all, different
}

func run(t testing.TB, k *broker.Kafka) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	return func() { cancel(); require.NoError(t, <-ended) }
}

// another is a consumer in a process of its own.
func another(ctx context.Context, d *dbtest.Database, seeds []string, suicidal string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_BROKER_SEEDS="+strings.Join(seeds, ","), "TEST_BROKER_SUICIDAL="+suicidal,
		"TEST_BROKER_DATABASE="+d.URL, "TEST_BROKER_KEYSET="+d.Keyset)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledBetweenInsertAndCommit(t *testing.T) {
	t.Parallel()
	const n = 3000
	d := dbtest.New(t)
	connected(t, d, "coral", "coral")
	seeds, client := newTopic(t, n)

	cmd := another(t.Context(), d, seeds, "yes")
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGKILL, status.Signal())
	before, _ := hintsOf(t, d)
	require.Positive(t, before, "it was killed after its insert")
	require.EqualValues(t, n, lag(t, client), "and before it committed any offset")

	stop := run(t, consumer(seeds, d.DB, d.DB))
	require.Eventually(t, func() bool { return lag(t, client) == 0 }, time.Minute, 50*time.Millisecond)
	stop()
	all, different := hintsOf(t, d)
	require.Equal(t, n, different, "nothing is lost")
	require.Equal(t, n, all, "nothing is doubled")
}

func TestPoisonInPostgres(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	connected(t, d, "coral", "coral")
	seeds, client := newTopic(t, 5)
	bad := [][]byte{
		[]byte("not JSON"), []byte("\xff\xfe"), []byte("[]"), []byte(`{"event_id":"e"}`), []byte(strings.Repeat("[", 100_000)),
		[]byte(`{"event_id":"e","type":"appointment.updated","object_id":"a\u0000b","version":1}`),
	}
	for _, value := range bad {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: []byte("coral:x"), Value: value}).FirstErr())
	}
	require.NoError(t, client.ProduceSync(t.Context(), change(99)).FirstErr())
	stop := run(t, consumer(seeds, d.DB, d.DB))
	require.Eventually(t, func() bool { return lag(t, client) == 0 }, time.Minute, 50*time.Millisecond)
	stop()
	var parked, hints int
	require.NoError(t, d.Super.QueryRow(`SELECT count(*) FILTER (WHERE kind = 'raw' AND parked = 1), count(*) FILTER (WHERE kind = 'hint') FROM envelopes`).Scan(&parked, &hints))
	require.Equal(t, len(bad), parked)
	require.Equal(t, 6, hints, "neighbours go on")
}

// BenchmarkKafka stores 100,000 messages in Postgres, by a process of its own whose memory is looked at.
func BenchmarkKafka(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		b.StopTimer()
		d := dbtest.New(b)
		connected(b, d, "coral", "coral")
		seeds, client := newTopic(b, n)
		cmd := another(b.Context(), d, seeds, "")
		b.StartTimer()
		began := time.Now()
		require.NoError(b, cmd.Start())
		require.Eventually(b, func() bool { return lag(b, client) == 0 }, 5*time.Minute, 50*time.Millisecond)
		b.ReportMetric(n/time.Since(began).Seconds(), "messages/s")
		b.ReportMetric(peak(b, cmd.Process.Pid), "MB-peak")
		b.StopTimer()
		require.NoError(b, cmd.Process.Kill())
		_ = cmd.Wait()
		all, different := hintsOf(b, d)
		require.Equal(b, n, all)
		require.Equal(b, n, different)
		b.StartTimer()
	}
}

// peak is the most memory a process has had, in MB.
func peak(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(b, found)
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return kilobytes / 1024
}
