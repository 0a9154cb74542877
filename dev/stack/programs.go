package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"acmesync/dev/ports"
	"acmesync/dev/process"
	"acmesync/dev/temporal/ready"
)

const namespace = ready.Namespace

// toldByKafka is the business whose changes come by Kafka instead of webhooks, to be seen at work.
const toldByKafka = "alpine-physio"

// seed makes the sandboxes' businesses the same on every machine.
const seed = "1"

func (s *Stack) binary(name string) string { return filepath.Join(s.Bin, name) }

// built fails when a program of the product has not been built.
func (s *Stack) built() error {
	for _, name := range []string{"api", "worker", "starter", "sandbox"} {
		if _, err := os.Stat(s.binary(name)); err != nil {
			return fmt.Errorf("%s is missing: run make build first", s.binary(name))
		}
	}
	return nil
}

func (s *Stack) starter(args ...string) process.Program {
	return process.Program{Name: "starter", Path: s.binary("starter"), Args: args, Env: s.product()}
}

func (s *Stack) api() process.Program {
	return process.Program{
		Name: "api", Path: s.binary("api"),
		Env:       append(s.product(), "METRICS_ADDR="+ports.Address(s.Ports.APIMetrics)),
		StopGrace: 20 * time.Second,
		Ready:     s.answers(local(s.Ports.API) + "/readyz"),
	}
}

func (s *Stack) worker() process.Program {
	return process.Program{
		Name: "worker", Path: s.binary("worker"),
		Env:       append(s.product(), "METRICS_ADDR="+ports.Address(s.Ports.WorkerMetrics)),
		StopGrace: 20 * time.Second,
		Ready:     s.answers(local(s.Ports.WorkerMetrics) + "/readyz"),
	}
}

// sandbox is one half of the outside world. It knows nothing of the product's database or secrets.
func (s *Stack) sandbox(half string, port int, more ...string) process.Program {
	return process.Program{
		Name: half, Path: s.binary("sandbox"),
		Args: append([]string{half, "--addr", ports.Address(port), "--data", filepath.Join(s.Data, half), "--seed", seed}, more...),
		Env:  s.Env.without("DATABASE_", "ACMESYNC_", "TEMPORAL_", "TEST_"),
		// Seeding the businesses takes a while the first time.
		Ready: s.answers(local(port) + "/healthz"),
	}
}

func (s *Stack) temporal() process.Program {
	return Temporal(s.Self, filepath.Join(s.Data, "temporal", "temporal.db"), s.Ports.Temporal, s.Ports.TemporalUI, s.Env, s.HTTP)
}

// Temporal runs this same binary as a Temporal server; self is where it lies.
func Temporal(self, file string, port, uiPort int, env Environment, client *http.Client) process.Program {
	return process.Program{
		Name: "temporal", Path: self,
		Args: []string{"temporal", "--db", file, "--port", strconv.Itoa(port), "--ui-port", strconv.Itoa(uiPort)},
		Env:  env.without("TEMPORAL_"),
		Ready: func(ctx context.Context) error {
			if err := ready.Serving(ctx, ports.Address(port)); err != nil || uiPort == 0 {
				return err
			}
			return answers(ctx, client, local(uiPort)+"/healthz")
		},
	}
}

// answers is ready once the URL answers 200.
func (s *Stack) answers(url string) func(context.Context) error {
	return func(ctx context.Context) error { return answers(ctx, s.HTTP, url) }
}

func answers(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("build the health request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
