package stack

import (
	"path/filepath"
	"slices"
	"strings"

	"acmesync/dev/ports"
)

// Environment is the environment the developer started us in: NAME=value.
type Environment []string

// Get returns a variable's value, empty when it is not set.
func (e Environment) Get(name string) string {
	for _, entry := range slices.Backward(e) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// without leaves out every variable that has one of the prefixes.
func (e Environment) without(prefixes ...string) Environment {
	return slices.DeleteFunc(slices.Clone(e), func(entry string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(entry, prefix) })
	})
}

// or is the developer's own value of a variable, else ours.
func (e Environment) or(name, ours string) string {
	if value := e.Get(name); value != "" {
		return name + "=" + value
	}
	return name + "=" + ours
}

// product is the environment of api, worker and starter. Settings of the developer's shell that would lead
// them to another database or Temporal are left out.
func (s *Stack) product() Environment {
	foreign := []string{"TEST_", "ACMESYNC_", "HTTP_ADDR=", "PUBLIC_URL=", "METRICS_ADDR=", "DATABASE_", "SNS_", "SQS_", "AWS_"}
	kafka := []string{"KAFKA_BROKERS=" + ports.Address(s.Ports.Kafka), "KAFKA_TOPIC=acme.changes"}
	if s.external.Kafka == "" {
		foreign = append(foreign, "KAFKA_")
	} else {
		kafka = nil
	}
	if s.external.Database == "" {
		foreign = append(foreign, "PG")
	}
	if s.external.Temporal == "" {
		foreign = append(foreign, "TEMPORAL_")
	}
	return append(append(s.Env.without(foreign...), kafka...),
		"DATABASE_URL="+s.databaseURL,
		"DATABASE_OWNER_URL="+s.ownerURL,
		"TEMPORAL_ADDRESS="+s.temporalAddress(),
		s.Env.or("TEMPORAL_NAMESPACE", namespace),
		"HTTP_ADDR="+ports.Address(s.Ports.API),
		"PUBLIC_URL="+local(s.Ports.API),
		s.Env.or("LOG_LEVEL", "info"),
		s.Env.or("LOG_FORMAT", "console"),
		"ACMESYNC_KEYSET="+s.secrets.keyset,
		"ACMESYNC_API_KEYS="+s.secrets.apiKeys(),
		// The sandboxes are on loopback, where a tenant's Acme may not be otherwise.
		"ACMESYNC_ALLOW_PRIVATE_HOSTS=1",
		// The sandbox signs its notifications by an authority of its own.
		"SNS_HOSTS="+ports.Address(s.Ports.Acme),
		"SNS_CA_FILE="+filepath.Join(s.Data, "acme", "sns", "ca.pem"),
	)
}
