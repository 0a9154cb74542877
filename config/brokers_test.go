package config_test

import (
	"testing"

	"acmesync/config"

	"github.com/stretchr/testify/require"
)

func TestBrokers(t *testing.T) {
	t.Parallel()
	t.Run("none are the default", func(t *testing.T) {
		t.Parallel()
		worker, err := config.LoadWorker(t.Context(), environment(nil))
		require.NoError(t, err)
		require.Empty(t, worker.Kafka.Brokers)
		require.Empty(t, worker.SQS.QueueURL)
	})
	t.Run("all are read", func(t *testing.T) {
		t.Parallel()
		worker, err := config.LoadWorker(t.Context(), environment(map[string]string{
			"KAFKA_BROKERS": "a.example:9092, b.example:9092", "KAFKA_TOPIC": "acme.changes", "KAFKA_TLS": "1", "KAFKA_TLS_CA_FILE": "/ca.pem",
			"KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SASL_USER": "us", "KAFKA_SASL_PASSWORD": "hunter2",
			"SQS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/acme",
		}))
		require.NoError(t, err)
		require.Equal(t, []string{"a.example:9092", "b.example:9092"}, worker.Kafka.Brokers)
		require.Equal(t, "acmesync", worker.Kafka.Group)
		require.Equal(t, "SCRAM-SHA-512", worker.Kafka.Mechanism)
		require.Equal(t, "hunter2", worker.Kafka.Password.Reveal())
		require.NotContains(t, worker.Kafka.Password.String(), "hunter2")
	})
	for name, c := range map[string]struct {
		variable string
		change   map[string]string
	}{
		"a broker without a port":       {"KAFKA_BROKERS", map[string]string{"KAFKA_BROKERS": "a.example", "KAFKA_TOPIC": "t"}},
		"a broker written as a URL":     {"KAFKA_BROKERS", map[string]string{"KAFKA_BROKERS": "kafka://a.example:9092", "KAFKA_TOPIC": "t"}},
		"no topic":                      {"KAFKA_TOPIC", map[string]string{"KAFKA_BROKERS": "a:1"}},
		"a topic without a broker":      {"KAFKA_TOPIC", map[string]string{"KAFKA_TOPIC": "t"}},
		"an authority without TLS":      {"KAFKA_TLS_CA_FILE", map[string]string{"KAFKA_BROKERS": "a:1", "KAFKA_TOPIC": "t", "KAFKA_TLS_CA_FILE": "x"}},
		"a certificate without its key": {"KAFKA_TLS_CERT_FILE", map[string]string{"KAFKA_BROKERS": "a:1", "KAFKA_TOPIC": "t", "KAFKA_TLS": "1", "KAFKA_TLS_CERT_FILE": "x"}},
		"a mechanism nobody knows":      {"KAFKA_SASL_MECHANISM", map[string]string{"KAFKA_BROKERS": "a:1", "KAFKA_TOPIC": "t", "KAFKA_SASL_MECHANISM": "GSSAPI", "KAFKA_SASL_USER": "u", "KAFKA_SASL_PASSWORD": "p"}},
		"a user without a mechanism":    {"KAFKA_SASL_MECHANISM", map[string]string{"KAFKA_BROKERS": "a:1", "KAFKA_TOPIC": "t", "KAFKA_SASL_USER": "u"}},
		"a user without a password":     {"KAFKA_SASL_PASSWORD", map[string]string{"KAFKA_BROKERS": "a:1", "KAFKA_TOPIC": "t", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USER": "u"}},
		"a queue that is a name":        {"SQS_QUEUE_URL", map[string]string{"SQS_QUEUE_URL": "acme"}},
		"an endpoint without a queue":   {"SQS_ENDPOINT_URL", map[string]string{"SQS_ENDPOINT_URL": "http://127.0.0.1:4100"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadWorker(t.Context(), environment(c.change))
			var faults config.Faults
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			require.Equal(t, c.variable, faults[0].Variable)
		})
	}
	t.Run("hosts beside Amazon's are for sandboxes alone", func(t *testing.T) {
		t.Parallel()
		_, err := config.LoadAPI(t.Context(), environment(map[string]string{"SNS_HOSTS": "127.0.0.1:9010"}))
		require.ErrorContains(t, err, "SNS_HOSTS")
		api, err := config.LoadAPI(t.Context(), environment(map[string]string{"SNS_HOSTS": "127.0.0.1:9010", "ACMESYNC_ALLOW_PRIVATE_HOSTS": "1"}))
		require.NoError(t, err)
		require.Equal(t, []string{"127.0.0.1:9010"}, api.SNS.Hosts)
	})
}
