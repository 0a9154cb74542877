package stack

import (
	"errors"
	"fmt"
	"strconv"

	"acmesync/dev/ports"
)

// Ports are where the parts of the stack listen on 127.0.0.1.
type Ports struct {
	API, APIMetrics, WorkerMetrics, Acme, App, Kafka, Temporal, TemporalUI, Postgres int
}

// port is one entry of the list below.
type port struct {
	of       *int
	usual    int
	variable string
	use      string
}

func (p *Ports) list() []port {
	return []port{
		{&p.API, 8080, "ACMESYNC_PORT_API", "the API"},
		{&p.APIMetrics, 9090, "ACMESYNC_PORT_API_METRICS", "the API's metrics"},
		{&p.WorkerMetrics, 9091, "ACMESYNC_PORT_WORKER_METRICS", "the worker's metrics and health"},
		{&p.Acme, 9010, "ACMESYNC_PORT_ACME", "the Acme sandbox"},
		{&p.App, 9020, "ACMESYNC_PORT_APP", "the app sandbox"},
		{&p.Kafka, 9030, "ACMESYNC_PORT_KAFKA", "the Acme sandbox's Kafka broker"},
		{&p.Temporal, 7233, "ACMESYNC_PORT_TEMPORAL", "Temporal"},
		{&p.TemporalUI, 8233, "ACMESYNC_PORT_TEMPORAL_UI", "Temporal's Web UI"},
		{&p.Postgres, 55432, "ACMESYNC_PORT_POSTGRES", "PostgreSQL"},
	}
}

// UsualPorts are the documented ones, each of which a variable of the environment can change.
func UsualPorts(env Environment) (Ports, error) {
	var p Ports
	var errs []error
	for _, entry := range p.list() {
		*entry.of = entry.usual
		text := env.Get(entry.variable)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 65535 {
			errs = append(errs, fmt.Errorf("%s is %q, not a port number", entry.variable, text))
			continue
		}
		*entry.of = n
	}
	return p, errors.Join(errs...)
}

// FreePorts are ports that nothing uses, for a stack beside another.
func FreePorts() (Ports, error) {
	var p Ports
	list := p.list()
	free, err := ports.Free(len(list))
	if err != nil {
		return Ports{}, err
	}
	for i, entry := range list {
		*entry.of = free[i]
	}
	return p, nil
}

// wanted lists the ports this stack will listen on: none for what runs elsewhere.
func (s *Stack) wanted() []ports.Wanted {
	var wanted []ports.Wanted
	for _, entry := range s.Ports.list() {
		switch entry.of {
		case &s.Ports.Postgres:
			if s.external.Database != "" {
				continue
			}
		case &s.Ports.Temporal, &s.Ports.TemporalUI:
			if s.external.Temporal != "" {
				continue
			}
		}
		wanted = append(wanted, ports.Wanted{Port: *entry.of, For: entry.use, Variable: entry.variable})
	}
	return wanted
}

func local(port int) string { return "http://" + ports.Address(port) }
