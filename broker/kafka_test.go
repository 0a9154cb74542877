package broker

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const topic = "acme.changes"

// cluster is a broker of franz-go's own, in this process.
type cluster struct {
	*kfake.Cluster
	client *kgo.Client
}

func newCluster(t testing.TB, partitions int32, options ...kfake.Opt) *cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &cluster{Cluster: c}
}

func (c *cluster) connect(t testing.TB, options ...kgo.Opt) *cluster {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic(topic))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c.client = client
	return c
}

func (c *cluster) produce(t testing.TB, records ...*kgo.Record) {
	t.Helper()
	require.NoError(t, c.client.ProduceSync(t.Context(), records...).FirstErr())
}

// events are n messages of coral's, each of another object.
func events(from, n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range n {
		records[i] = &kgo.Record{Key: fmt.Appendf(nil, "coral:apt_%d", from+i), Value: fmt.Appendf(nil, `{"n":%d}`, from+i)}
	}
	return records
}

// lag is what the group has not committed, by the broker's own figures.
func (c *cluster) lag(t testing.TB) int64 {
	t.Helper()
	admin := kadm.NewClient(c.client)
	ends, err := admin.ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	committed, _ := admin.FetchOffsets(t.Context(), "acmesync") // fails until there is such a group
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

func (c *cluster) consumer(in *Intake) *Kafka {
	return &Kafka{Options: KafkaOptions{Brokers: c.ListenAddrs(), Topic: topic, Group: "acmesync"}, Intake: in, Log: zap.NewNop()}
}

// start runs a consumer until stop is called or the test ends.
func start(t testing.TB, k *Kafka) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-ended) })
	t.Cleanup(stop)
	return stop
}

func (k *Kafka) has() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.assigned)
}

func TestKafka(t *testing.T) {
	t.Parallel()
	c, s := newCluster(t, 4).connect(t), newShelf()
	start(t, c.consumer(s.intake(t)))

	t.Run("messages are stored with their way, and their offsets committed", func(t *testing.T) {
		c.produce(t, events(0, 100)...)
		within(t, 20*time.Second, "all are stored", func() bool { return s.count() == 100 })
		within(t, 10*time.Second, "all are committed", func() bool { return c.lag(t) == 0 })
		s.set(func() {
			for _, d := range s.stored {
				require.Equal(t, acmesync.ByKafka, d.Way)
				require.Equal(t, acmesync.TenantID("coral"), d.Tenant)
				require.Regexp(t, `^kafka:acme\.changes/[0-3]/\d+@\d+$`, d.WebhookID)
				require.NotEmpty(t, d.BodySHA)
			}
			require.Equal(t, []acmesync.TenantID{"coral"}, s.rung)
		})
	})
	t.Run("an account that two tenants have connected leads to both", func(t *testing.T) {
		c.produce(t, &kgo.Record{Key: []byte("shared:con_1"), Value: []byte(`{}`)})
		within(t, 10*time.Second, "both have it", func() bool { return s.count() == 102 })
	})
	t.Run("poison is parked for the tenant of its key, and what names nobody is counted; neighbours go on", func(t *testing.T) {
		c.produce(t,
			&kgo.Record{Key: []byte("coral:apt_1"), Value: []byte("\x00\xff nothing to read")},
			&kgo.Record{Key: []byte("coral:apt_1"), Value: make([]byte, maxBody/2)},
			&kgo.Record{Key: nil, Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("no colon"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte(":apt_1"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("coral:"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("co\x00ral:a"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("\xff:a"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("coral:apt_1"), Value: nil},
			&kgo.Record{Key: []byte("stranger:apt_1"), Value: []byte(`{}`)},
			&kgo.Record{Key: []byte("coral:apt_1"), Value: []byte(`{"last":1}`)},
		)
		within(t, 10*time.Second, "all is committed", func() bool { return c.lag(t) == 0 })
		require.Equal(t, map[string]int64{"stored": 103, "parked": 2, "unnamed": 6, "empty": 1, "unowned": 1}, s.outcomes(t))
	})
	t.Run("what together cannot be stored is stored one by one, and poison raw", func(t *testing.T) {
		s.set(func() { s.poison = `"n":507` })
		before := s.count()
		c.produce(t, events(500, 20)...)
		within(t, 10*time.Second, "all is committed", func() bool { return c.lag(t) == 0 })
		require.Equal(t, before+20, s.count())
		require.EqualValues(t, 3, s.outcomes(t)["parked"])
	})
}

func TestKafkaWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	c, s := newCluster(t, 2).connect(t), newShelf()
	s.away = errAway
	start(t, c.consumer(s.intake(t)))
	c.produce(t, events(0, 50)...)
	within(t, 20*time.Second, "it was tried", func() bool { return s.figures(t, "acmesync_broker_stalls", "way")["kafka"] >= 2 })
	require.EqualValues(t, 50, c.lag(t), "nothing is committed that is not stored")
	s.set(func() { s.away = nil })
	within(t, 20*time.Second, "all are stored", func() bool { return s.count() == 50 })
	within(t, 10*time.Second, "all are committed", func() bool { return c.lag(t) == 0 })
	require.Zero(t, s.again, "none was read twice")
}

func TestKafkaRebalance(t *testing.T) {
	t.Parallel()
	const n = 6000
	c, s := newCluster(t, 8).connect(t), newShelf()
	s.slow = 5 * time.Millisecond
	first, second := c.consumer(s.intake(t)), c.consumer(s.intake(t))
	start(t, first)
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		for from := 0; from < n; from += 100 {
			_ = c.client.ProduceSync(t.Context(), events(from, 100)...)
		}
	}()
	within(t, 20*time.Second, "the first works", func() bool { return s.count() > 200 })
	leave := start(t, second)
	within(t, 30*time.Second, "both have partitions", func() bool { return first.has() == 4 && second.has() == 4 })
	within(t, 30*time.Second, "some more is stored", func() bool { return s.count() > 1000 })
	leave()
	within(t, 30*time.Second, "the first has all again", func() bool { return first.has() == 8 })
	<-produced
	within(t, 30*time.Second, "all are stored", func() bool { return s.count() == n })
	within(t, 10*time.Second, "all are committed", func() bool { return c.lag(t) == 0 })
	require.Zero(t, s.again, "partitions change hands between batches")
}

// A consumer that loses its partitions while the database is away leaves their messages to the new owner.
func TestKafkaRebalanceWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	c, s := newCluster(t, 4).connect(t), newShelf()
	s.away = errAway
	c.produce(t, events(0, 400)...)
	first, second := c.consumer(s.intake(t)), c.consumer(s.intake(t))
	start(t, first)
	within(t, 20*time.Second, "the first has them all", func() bool { return first.has() == 4 })
	start(t, second)
	within(t, 30*time.Second, "partitions were given away though nothing could be stored", func() bool { return second.has() == 2 && first.has() == 2 })
	s.set(func() { s.away = nil })
	within(t, 30*time.Second, "all are stored", func() bool { return s.count() == 400 })
	within(t, 10*time.Second, "all are committed", func() bool { return c.lag(t) == 0 })
}

func TestKafkaTopicMadeAnew(t *testing.T) {
	t.Parallel()
	s := newShelf()
	for range 2 {
		c := newCluster(t, 1).connect(t)
		stop := start(t, c.consumer(s.intake(t)))
		before := s.count()
		c.produce(t, &kgo.Record{Key: []byte("coral:a"), Value: []byte(`{}`)})
		within(t, 20*time.Second, "the first message of this topic is no duplicate of another's", func() bool { return s.count() == before+1 })
		stop()
		c.Close()
		<-time.After(2 * time.Millisecond)
	}
}

func TestKafkaWantsTLSAndSASL(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	c := newCluster(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.server(t)}}), kfake.EnableSASL(), kfake.Superuser("PLAIN", "us", "hunter2")).
		connect(t, kgo.DialTLSConfig(&tls.Config{RootCAs: ca.pool}), kgo.SASL(plain.Auth{User: "us", Pass: "hunter2"}.AsMechanism()))
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, ca.pem, 0o600))
	s := newShelf()
	k := c.consumer(s.intake(t))
	k.Options.TLS, k.Options.CAFile, k.Options.Mechanism, k.Options.User, k.Options.Password = true, file, "PLAIN", "us", "hunter2"
	start(t, k)
	c.produce(t, events(0, 3)...)
	within(t, 20*time.Second, "all are stored", func() bool { return s.count() == 3 })

	t.Run("a wrong password reads nothing and is told", func(t *testing.T) {
		t.Parallel()
		s, seen := newShelf(), &said{}
		k := c.consumer(s.intake(t))
		k.Options = KafkaOptions{Brokers: c.ListenAddrs(), Topic: topic, Group: "other", TLS: true, CAFile: file, Mechanism: "PLAIN", User: "us", Password: "wrong"}
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), seen, zap.WarnLevel)
		k.Log = zap.New(core)
		start(t, k)
		within(t, 20*time.Second, "it is told", func() bool { return strings.Contains(seen.text(), "Kafka does not answer") })
		require.Positive(t, s.figures(t, "acmesync_broker_stalls", "way")["kafka"])
		require.NotContains(t, seen.text(), "wrong")
		require.Zero(t, s.count())
	})
}

// said is what was logged.
type said struct {
	mu   sync.Mutex
	logs strings.Builder
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.Write(line)
}

func (*said) Sync() error { return nil }

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.String()
}

func TestKafkaOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]KafkaOptions{
		"KAFKA_TLS_CA_FILE":    {TLS: true, CAFile: "/nowhere/ca.pem"},
		"KAFKA_TLS_CERT_FILE":  {TLS: true, CertFile: "/nowhere/cert.pem", KeyFile: "/nowhere/key.pem"},
		"KAFKA_SASL_MECHANISM": {Mechanism: "GSSAPI"},
	} {
		o.Brokers, o.Topic, o.Group = []string{"127.0.0.1:1"}, topic, "g"
		require.ErrorContains(t, (&Kafka{Options: o, Intake: newShelf().intake(t), Log: zap.NewNop()}).Run(t.Context()), name)
	}
}

func TestLag(t *testing.T) {
	t.Parallel()
	c, s := newCluster(t, 2).connect(t), newShelf()
	s.away = errAway
	k := c.consumer(s.intake(t))
	start(t, k)
	c.produce(t, events(0, 30)...)
	within(t, 20*time.Second, "it has its partitions", func() bool { return k.has() == 2 })
	require.NoError(t, k.measureLag(t.Context(), kadm.NewClient(c.client)))
	sum := int64(0)
	for partition, lag := range s.figures(t, "acmesync_broker_lag", "partition") {
		require.Contains(t, []string{"0", "1"}, partition)
		sum += lag
	}
	require.EqualValues(t, 30, sum)
	t.Run("many partitions share a series", func(t *testing.T) {
		lags := map[int32]int64{}
		for p := range int32(1000) {
			lags[p] = 1
		}
		k.Intake.Counts.lag(lags)
		seen := s.figures(t, "acmesync_broker_lag", "partition")
		require.Len(t, seen, lagsAtMost+1)
		require.EqualValues(t, 1000-lagsAtMost, seen["others"])
	})
}
