package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// stack is the whole product with both sandboxes, on ports and data of its own.
type stack struct {
	db       *dbtest.Database
	temporal client.Client
	flows    *workflows.Client

	acme, app       *process
	server          *process
	workers, apis   []*process
	acmeURL, appURL string
	kafka           string // where brokers were asked for
	temporalAddress string
	apiURLs         []string
	apiKey          string
	env             []string
	accounts        map[acmesync.TenantID]account
	workspaces      map[acmesync.TenantID]string
	exports         string // where the Acme sandbox writes files
	importRoot      string // where files are picked up, a folder a tenant
}

type account struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	APIKey   string `json:"api_key"`
}

type options struct {
	workers, apis int
	brokers       bool     // Kafka, and SNS that is believed
	env           []string // of both, beside what every stack has
}

func newStack(t *testing.T, o options) *stack {
	t.Helper()
	devBin := os.Getenv("TEST_DEV_BIN")
	require.NotEmpty(t, devBin, "TEST_DEV_BIN names no dev binary: run the tests by `make test`")
	s := &stack{db: dbtest.New(t), apiKey: "test-key-0123456789abcdefghijklmn",
		accounts: map[acmesync.TenantID]account{}, workspaces: map[acmesync.TenantID]string{}}
	data := t.TempDir()
	s.exports, s.importRoot = filepath.Join(data, "exports"), filepath.Join(data, "imports")
	require.NoError(t, os.Mkdir(s.importRoot, 0o700))

	acmePort, appPort, temporalPort := freePort(t), freePort(t), freePort(t)
	s.acmeURL, s.appURL = local(acmePort), local(appPort)
	s.temporalAddress = fmt.Sprintf("127.0.0.1:%d", temporalPort)
	arguments := []string{"acme", "--addr", address(acmePort), "--data", filepath.Join(data, "acme"), "--seed", "1", "--exports", s.exports}
	s.kafka = address(freePort(t))
	if o.brokers {
		arguments = append(arguments, "--kafka-addr", s.kafka)
	}
	s.acme = newProcess(t, "sandbox acme", binaries+"/sandbox", nil, arguments...).start(t)
	s.app = newProcess(t, "sandbox app", binaries+"/sandbox", nil, "app", "--addr", address(appPort), "--data", filepath.Join(data, "app"), "--seed", "1").start(t)
	s.server = newProcess(t, "temporal", devBin, nil, "temporal", "--db", filepath.Join(data, "temporal.db"), "--port", fmt.Sprint(temporalPort)).start(t)

	s.env = []string{
		"DATABASE_URL=" + s.db.URL, "ACMESYNC_KEYSET=" + s.db.Keyset, "TEMPORAL_ADDRESS=" + s.temporalAddress,
		"ACMESYNC_ALLOW_PRIVATE_HOSTS=1", "LOG_FORMAT=json", "LOG_LEVEL=info", "ACMESYNC_API_KEYS=test:" + s.apiKey, "IMPORT_ROOT=" + s.importRoot,
	}
	if o.brokers {
		s.env = append(s.env, "KAFKA_BROKERS="+s.kafka, "KAFKA_TOPIC=acme.changes",
			"SNS_HOSTS="+address(acmePort), "SNS_CA_FILE="+filepath.Join(data, "acme", "sns", "ca.pem"))
	}
	s.env = append(s.env, o.env...)
	waitHTTP(t, s.acmeURL+"/healthz")
	waitHTTP(t, s.appURL+"/healthz")
	s.dial(t)
	s.learnSandboxes(t)
	for i := range o.apis {
		s.startAPI(t, i)
	}
	for i := range o.workers {
		s.startWorker(t, i)
	}
	return s
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
func local(port int) string   { return "http://" + address(port) }

// dial waits until Temporal takes calls.
func (s *stack) dial(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "Temporal answers", func() (bool, string) {
		c, err := client.Dial(client.Options{HostPort: s.temporalAddress, Logger: quiet{}})
		if err != nil {
			return false, err.Error()
		}
		s.temporal = c
		return true, ""
	})
	t.Cleanup(s.temporal.Close)
	s.flows = &workflows.Client{Temporal: s.temporal}
	eventually(t, time.Minute, "Temporal is set up", func() (bool, string) {
		err := s.flows.Setup(t.Context(), "default")
		return err == nil, fmt.Sprint(err)
	})
}

func (s *stack) learnSandboxes(t *testing.T) {
	t.Helper()
	var accounts struct{ Accounts []account }
	getJSON(t, s.acmeURL+"/admin/accounts", "", &accounts)
	for _, a := range accounts.Accounts {
		s.accounts[acmesync.TenantID(a.ID)] = a
	}
	var workspaces struct {
		Workspaces []struct{ ID, Token string }
	}
	getJSON(t, s.appURL+"/admin/workspaces", "", &workspaces)
	for _, w := range workspaces.Workspaces {
		s.workspaces[acmesync.TenantID(w.ID)] = w.Token
	}
}

func (s *stack) startWorker(t *testing.T, n int) {
	t.Helper()
	env := append([]string{"METRICS_ADDR=" + address(freePort(t))}, s.env...)
	if len(s.apiURLs) > 0 {
		env = append(env, "PUBLIC_URL="+s.apiURLs[0])
	}
	s.workers = append(s.workers, newProcess(t, fmt.Sprintf("worker %d", n), binaries+"/worker", env).start(t))
}

func (s *stack) startAPI(t *testing.T, n int) {
	t.Helper()
	port := freePort(t)
	env := append([]string{"HTTP_ADDR=" + address(port), "PUBLIC_URL=" + local(port), "METRICS_ADDR=" + address(freePort(t))}, s.env...)
	s.apis = append(s.apis, newProcess(t, fmt.Sprintf("api %d", n), binaries+"/api", env).start(t))
	s.apiURLs = append(s.apiURLs, local(port))
	waitHTTP(t, local(port)+"/readyz")
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
