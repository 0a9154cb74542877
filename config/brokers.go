package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Kafka is where the worker reads changes from; without brokers it reads none.
type Kafka struct {
	Brokers           []string // host:port
	Topic, Group      string
	TLS               bool
	CAFile            string
	CertFile, KeyFile string
	Mechanism         string // of SASL; empty: none
	User              string
	Password          Secret
}

// SQS is the queue the worker polls; empty: none. Who we are to AWS, its own library reads by itself.
type SQS struct {
	QueueURL string
	Endpoint string // of an emulator; empty: AWS's
}

// SNS is whom the api believes beside Amazon's own hosts and the system's authorities.
type SNS struct {
	Hosts  []string // host:port
	CAFile string
}

func kafka(e environment, f *Faults) Kafka {
	k := Kafka{
		Brokers: hostList("KAFKA_BROKERS", e.KafkaBrokers, f), Topic: e.KafkaTopic, Group: e.KafkaGroup, TLS: flag("KAFKA_TLS", e.KafkaTLS, f),
		CAFile: e.KafkaCAFile, CertFile: e.KafkaCertFile, KeyFile: e.KafkaKeyFile,
		Mechanism: strings.ToUpper(e.KafkaMechanism), User: e.KafkaUser, Password: Secret{e.KafkaPassword},
	}
	if e.KafkaBrokers == "" {
		for name, value := range map[string]string{"KAFKA_TOPIC": e.KafkaTopic, "KAFKA_SASL_MECHANISM": e.KafkaMechanism, "KAFKA_SASL_USER": e.KafkaUser, "KAFKA_TLS_CA_FILE": e.KafkaCAFile} {
			if value != "" {
				f.add(name, "is set, but KAFKA_BROKERS is not", "set KAFKA_BROKERS to host:port, separated by commas, or take this away")
			}
		}
		return k
	}
	if k.Topic == "" {
		f.add("KAFKA_TOPIC", "is not set", "name the topic Acme's changes are in")
	}
	if !k.TLS {
		for name, value := range map[string]string{"KAFKA_TLS_CA_FILE": k.CAFile, "KAFKA_TLS_CERT_FILE": k.CertFile, "KAFKA_TLS_KEY_FILE": k.KeyFile} {
			if value != "" {
				f.add(name, "is set, but KAFKA_TLS is not", "set KAFKA_TLS=1, or take this away")
			}
		}
	}
	if (k.CertFile == "") != (k.KeyFile == "") {
		f.add("KAFKA_TLS_CERT_FILE", "and KAFKA_TLS_KEY_FILE belong together", "set both or neither")
	}
	k.checkSASL(f)
	return k
}

func (k Kafka) checkSASL(f *Faults) {
	switch {
	case k.Mechanism == "" && k.User == "" && k.Password.Reveal() == "":
	case k.Mechanism == "":
		f.add("KAFKA_SASL_MECHANISM", "is not set, but a user or a password is", "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case !slices.Contains([]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, k.Mechanism):
		f.add("KAFKA_SASL_MECHANISM", "is none that is known", "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case k.User == "":
		f.add("KAFKA_SASL_USER", "is not set", "set it to the user that may read the topic")
	case k.Password.Reveal() == "":
		f.add("KAFKA_SASL_PASSWORD", "is not set", "set it to the user's password")
	}
}

func queue(e environment, f *Faults) SQS {
	q := SQS{QueueURL: e.SQSQueueURL, Endpoint: webURL("SQS_ENDPOINT_URL", e.SQSEndpoint, f)}
	if q.QueueURL == "" && q.Endpoint != "" {
		f.add("SQS_ENDPOINT_URL", "is set, but SQS_QUEUE_URL is not", "set SQS_QUEUE_URL, or take this away")
	}
	if u, err := url.Parse(q.QueueURL); q.QueueURL != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil) {
		f.add("SQS_QUEUE_URL", "is no queue's URL", "use the one that AWS shows, such as https://sqs.eu-west-1.amazonaws.com/123456789012/acme")
	}
	return q
}

func notifications(e environment, private bool, f *Faults) SNS {
	s := SNS{Hosts: hostList("SNS_HOSTS", e.SNSHosts, f), CAFile: e.SNSCAFile}
	if len(s.Hosts) > 0 && !private {
		f.add("SNS_HOSTS", "is set, but ACMESYNC_ALLOW_PRIVATE_HOSTS is not", "take it away: only emulators and sandboxes need it")
	}
	return s
}

// hostList reads host:port, separated by commas.
func hostList(name, text string, f *Faults) []string {
	var hosts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		host, port, err := net.SplitHostPort(part)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil || n == 0 {
			f.add(name, "holds something that is no host:port", "use host:port, separated by commas")
			return nil
		}
		hosts = append(hosts, part)
	}
	return hosts
}
