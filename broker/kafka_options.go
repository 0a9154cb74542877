package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"
)

// KafkaOptions say where the topic is and how to get in.
type KafkaOptions struct {
	Brokers      []string // host:port
	Topic, Group string
	TLS          bool
	CAFile       string // PEM; empty: the system's roots
	CertFile     string // PEM, with KeyFile: for brokers that want a certificate of ours
	KeyFile      string
	Mechanism    string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; empty: none
	User         string
	Password     string
}

const (
	// sessionTimeout is how long the partitions of a process that was killed wait for another one.
	sessionTimeout = 10 * time.Second
	// fetchBytes, twice, bounds the messages in memory: one fetch in hand, one under way.
	fetchBytes          = 8 << 20
	fetchPartitionBytes = 2 << 20
)

// client are the options of a consumer that commits by itself and is asked before partitions are taken away.
func (o KafkaOptions) client(log *zap.Logger) ([]kgo.Opt, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...), kgo.ClientID("acmesync"), kgo.WithLogger(kafkaLog{log}),
		kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(o.Topic),
		// Whatever is lost in between has to be read again; what was stored is known.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(sessionTimeout),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(fetchPartitionBytes), kgo.MaxConcurrentFetches(1),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	}
	encrypted, err := o.encryption()
	if err != nil {
		return nil, err
	}
	if encrypted != nil {
		options = append(options, kgo.DialTLSConfig(encrypted))
	}
	mechanism, err := o.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	return options, nil
}

func (o KafkaOptions) encryption() (*tls.Config, error) {
	if !o.TLS {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read KAFKA_TLS_CA_FILE: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("KAFKA_TLS_CA_FILE holds no certificate: use PEM")
		}
	}
	if o.CertFile != "" {
		own, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

func (o KafkaOptions) mechanism() (sasl.Mechanism, error) {
	switch o.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Auth{User: o.User, Pass: o.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("KAFKA_SASL_MECHANISM is %q: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", o.Mechanism)
}

// kafkaLog hands on what the client warns of: a broker that cannot be reached is nowhere else to be seen.
type kafkaLog struct{ log *zap.Logger }

// Level is the least that is worth telling.
func (kafkaLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log takes pairs of key and value.
func (l kafkaLog) Log(level kgo.LogLevel, text string, pairs ...any) {
	fields := make([]zap.Field, 0, len(pairs)/2+1)
	for n := 0; n+1 < len(pairs); n += 2 {
		fields = append(fields, zap.Any(fmt.Sprint(pairs[n]), pairs[n+1]))
	}
	fields = append(fields, zap.String("said", text))
	if level == kgo.LogLevelError {
		l.log.Error("the Kafka client", fields...)
		return
	}
	l.log.Warn("the Kafka client", fields...)
}
