package bench_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"acmesync/db/dbtest"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// stack is the whole product with both sandboxes, on ports and data of its own.
type stack struct {
	db       *dbtest.Database
	temporal client.Client

	acme, app, api, worker           *process
	acmeURL, appURL, apiURL, metrics string
	apiKey                           string
}

// newStack starts one api and one worker. Only with hooks is Acme told where to send webhooks.
func newStack(b *testing.B, hooks bool) *stack {
	b.Helper()
	s := &stack{db: dbtest.New(b), apiKey: "bench-key-0123456789abcdefghijklm"}
	s.dial(b)
	acme, app, api, metrics := freeAddress(b), freeAddress(b), freeAddress(b), freeAddress(b)
	s.acmeURL, s.appURL, s.apiURL, s.metrics = "http://"+acme, "http://"+app, "http://"+api, "http://"+metrics
	data := b.TempDir()
	s.acme = start(b, "sandbox acme", nil, "--addr", acme, "--data", filepath.Join(data, "acme"), "--rate-limit", "off")
	s.app = start(b, "sandbox app", nil, "--addr", app, "--data", filepath.Join(data, "app"))
	env := []string{
		"DATABASE_URL=" + s.db.URL, "ACMESYNC_KEYSET=" + s.db.Keyset, "TEMPORAL_ADDRESS=" + os.Getenv("TEST_TEMPORAL_ADDRESS"),
		"ACMESYNC_ALLOW_PRIVATE_HOSTS=1", "LOG_LEVEL=warn", "ACMESYNC_API_KEYS=bench:" + s.apiKey,
	}
	s.api = start(b, "api", append([]string{"HTTP_ADDR=" + api, "PUBLIC_URL=" + s.apiURL, "METRICS_ADDR=" + metrics}, env...))
	if hooks {
		env = append(env, "PUBLIC_URL="+s.apiURL)
	}
	own := freeAddress(b)
	s.worker = start(b, "worker", append([]string{"METRICS_ADDR=" + own}, env...))
	for _, url := range []string{s.acmeURL + "/healthz", s.appURL + "/healthz", s.apiURL + "/readyz", "http://" + own + "/readyz"} {
		await(b, 30*time.Second, url+" answers", func() (bool, string) { return answers(url) })
	}
	return s
}

// dial reaches the Temporal server that all benchmarks share, and ends the workflows this one leaves: their tenants go away
// with its database.
func (s *stack) dial(b *testing.B) {
	b.Helper()
	address := os.Getenv("TEST_TEMPORAL_ADDRESS")
	require.NotEmpty(b, address, "TEST_TEMPORAL_ADDRESS names no Temporal: run the benchmarks by `make bench`")
	var err error
	s.temporal, err = client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	require.NoError(b, err)
	flows := &workflows.Client{Temporal: s.temporal}
	require.NoError(b, flows.Setup(b.Context(), client.DefaultNamespace))
	b.Cleanup(func() {
		s.endWorkflows(b)
		s.temporal.Close()
	})
}

func (s *stack) endWorkflows(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), 30*time.Second)
	defer cancel()
	list, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: `WorkflowType IN ("TenantSync", "Review") AND ExecutionStatus = "Running"`,
	})
	if err != nil {
		return
	}
	for _, one := range list.GetExecutions() {
		_ = s.temporal.TerminateWorkflow(ctx, one.GetExecution().GetWorkflowId(), "", "the benchmark is over")
	}
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
