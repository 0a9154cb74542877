package stack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/lib/pq"
)

// external is what the developer runs already and wants used; an empty field means that the stack starts its own.
type external struct {
	Database, Owner string
	Temporal        string
	Kafka           string // brokers the worker reads instead of the sandbox's
}

// externalFrom reads what the environment names. What is not on this machine is refused unless the developer
// says that it is meant: sandbox data does not belong in a shared database.
func externalFrom(env Environment) (external, error) {
	e := external{Database: env.Get("DATABASE_URL"), Owner: env.Get("DATABASE_OWNER_URL"), Temporal: env.Get("TEMPORAL_ADDRESS"), Kafka: env.Get("KAFKA_BROKERS")}
	switch {
	case e.Database != "" && e.Owner == "":
		return e, errors.New("DATABASE_URL is set, so that database would be used, but DATABASE_OWNER_URL is not: set it to the role that may migrate, or unset both")
	case e.Database == "" && e.Owner != "":
		return e, errors.New("DATABASE_OWNER_URL is set without DATABASE_URL: set both to use that database, or unset both")
	}
	if env.Get("ALLOW_REMOTE") == "1" {
		return e, nil
	}
	for name, dsn := range map[string]string{"DATABASE_URL": e.Database, "DATABASE_OWNER_URL": e.Owner} {
		hosts, err := databaseHosts(dsn)
		if err != nil {
			return e, fmt.Errorf("%s cannot be read: %w", name, err)
		}
		for _, host := range hosts {
			if !onLoopback(host) {
				return e, notHere(name, host)
			}
		}
	}
	if e.Temporal != "" {
		host, _, err := net.SplitHostPort(e.Temporal)
		if err != nil {
			return e, fmt.Errorf("TEMPORAL_ADDRESS cannot be read: %w", err)
		}
		if !onLoopback(host) {
			return e, notHere("TEMPORAL_ADDRESS", host)
		}
	}
	for broker := range strings.SplitSeq(e.Kafka, ",") {
		if broker = strings.TrimSpace(broker); broker == "" {
			continue
		}
		host, _, err := net.SplitHostPort(broker)
		if err != nil {
			return e, fmt.Errorf("KAFKA_BROKERS cannot be read: %w", err)
		}
		if !onLoopback(host) {
			return e, notHere("KAFKA_BROKERS", host)
		}
	}
	return e, nil
}

func notHere(variable, host string) error {
	return fmt.Errorf("%s leads to %s, which is not this machine: unset it, or say with ALLOW_REMOTE=1 that sandbox data may be written there", variable, host)
}

// databaseHosts lists the hosts a connection string leads to; folders of sockets are left out.
func databaseHosts(dsn string) ([]string, error) {
	if dsn == "" {
		return nil, nil
	}
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	hosts := []string{config.Host}
	if config.Hostaddr.IsValid() {
		hosts = []string{config.Hostaddr.String()}
	}
	for _, more := range config.Multi {
		hosts = append(hosts, more.Host)
	}
	var networked []string
	for _, host := range hosts {
		if host != "" && !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") {
			networked = append(networked, host)
		}
	}
	return networked, nil
}

func onLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
