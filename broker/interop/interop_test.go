package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/broker"
	"acmesync/sandbox/crm/kafka"
	"acmesync/sandbox/crm/sns"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("TEST_INTEROP") == "" {
		t.Skip("needs kcat and npm's packages: run it by `make interop`")
	}
}

// inbox keeps what is stored by its id.
type inbox struct {
	mu     sync.Mutex
	stored map[string]acmesync.HookDelivery
}

func (i *inbox) StoreHooks(_ context.Context, all []acmesync.HookDelivery) ([]acmesync.HookStatus, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	statuses := make([]acmesync.HookStatus, len(all))
	for n, d := range all {
		statuses[n] = acmesync.HookNew
		if _, there := i.stored[d.WebhookID]; there {
			statuses[n] = acmesync.HookDuplicate
		}
		i.stored[d.WebhookID] = d
	}
	return statuses, nil
}

func (i *inbox) AccountHooks(_ context.Context, account string) ([]acmesync.AccountHook, error) {
	return []acmesync.AccountHook{{Tenant: acmesync.TenantID(account), Endpoint: "at-" + account}}, nil
}

func (i *inbox) Read(_ context.Context, _ acmesync.TenantID, body []byte) ([]acmesync.HookEvent, string, error) {
	return []acmesync.HookEvent{{Stream: acmesync.Appointments, AcmeID: "apt", Body: body}}, "", nil
}

func (*inbox) Ring(acmesync.TenantID) {}

// bodies are what came, by tenant.
func (i *inbox) bodies() map[string]string {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := map[string]string{}
	for id, d := range i.stored {
		all[id] = string(d.Tenant) + " " + string(d.Events[0].Body)
	}
	return all
}

func newInbox(t *testing.T) (*inbox, *broker.Intake) {
	t.Helper()
	i := &inbox{stored: map[string]acmesync.HookDelivery{}}
	figures, err := broker.NewFigures(noop.Meter{})
	require.NoError(t, err)
	return i, &broker.Intake{Inbox: i, Hints: i, Bell: i, Counts: figures, Unavailable: func(error) bool { return false }, Log: zap.NewNop()}
}

// consume runs a consumer or poller until the test ends.
func consume(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
}

func command(t *testing.T, input string, name string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s: %s", name, &errs)
	return out.String()
}

func TestKcat(t *testing.T) {
	wanted(t)
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	b, err := kafka.Open(addr, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(b.Close)

	t.Run("kcat reads what the sandbox produces", func(t *testing.T) {
		require.Contains(t, command(t, "", "kcat", "-b", addr, "-L"), `topic "acme.changes" with 4 partitions`)
		var events []acme.Event
		for n := range 20 {
			events = append(events, acme.Event{EventID: fmt.Sprint("e", n), AccountID: "coral", Type: "appointment.updated", ObjectID: fmt.Sprint("apt_", n), Version: 2})
		}
		require.NoError(t, b.Produce(t.Context(), events))
		lines := strings.Split(strings.TrimSpace(command(t, "", "kcat", "-b", addr, "-C", "-t", kafka.Topic, "-e", "-q", "-f", "%k %s\n")), "\n")
		require.Len(t, lines, 20)
		for _, line := range lines {
			key, value, _ := strings.Cut(line, " ")
			var event acme.Event
			require.NoError(t, json.Unmarshal([]byte(value), &event))
			require.Equal(t, "coral:"+event.ObjectID, key)
		}
	})
	t.Run("what kcat produces is consumed, compressed or not", func(t *testing.T) {
		in, intake := newInbox(t)
		k := &broker.Kafka{Options: broker.KafkaOptions{Brokers: []string{addr}, Topic: kafka.Topic, Group: "acmesync"}, Intake: intake, Log: zap.NewNop()}
		consume(t, k.Run)
		for n, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			command(t, fmt.Sprintf("alpine:apt_%d|{\"by\":%q}\n", n, codec), "kcat", "-b", addr, "-P", "-t", kafka.Topic, "-K", "|", "-z", codec)
		}
		require.Eventually(t, func() bool { return len(in.bodies()) == 25 }, 30*time.Second, 20*time.Millisecond)
		text := fmt.Sprint(in.bodies())
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			require.Contains(t, text, `alpine {"by":"`+codec+`"}`)
		}
	})
}

func TestSNSValidator(t *testing.T) {
	wanted(t)
	t.Parallel()
	var s *sns.SNS
	// The validator wants https; we do with whatever is allowed.
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.Certificate()) }))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	s, err := sns.Open(folder, server.URL, time.Now)
	require.NoError(t, err)
	trusted := filepath.Join(folder, "server.pem")
	require.NoError(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	messages, genuine := map[string]string{}, map[string]bool{}
	event := acme.Event{EventID: "e", AccountID: "coral", Type: "appointment.updated", ObjectID: "apt_1", Version: 2, Origin: "user"}
	for _, version := range []string{"1", "2"} {
		s.Version = version
		notification, err := s.Notification("id"+version, event)
		require.NoError(t, err)
		confirmation, err := s.Confirmation("coral", "token", "SubscriptionConfirmation")
		require.NoError(t, err)
		for name, body := range map[string]string{"notification " + version: string(notification), "confirmation " + version: string(confirmation)} {
			messages[name], genuine[name] = body, true
			messages["forged "+name] = strings.Replace(body, "coral", "alpine", 1)
		}
		messages["said to be another version "+version] = strings.Replace(string(notification), `"SignatureVersion":"`+version, `"SignatureVersion":"`+map[string]string{"1": "2", "2": "1"}[version], 1)
		messages["certificate elsewhere "+version] = strings.Replace(string(notification), server.URL+"/sns/certificate.pem", "https://evil.example/sns/certificate.pem", 1)
	}
	input, err := json.Marshal(map[string]any{"pattern": "^127\\.0\\.0\\.1:[0-9]+$", "messages": messages})
	require.NoError(t, err)
	t.Run("both believe the same messages", func(t *testing.T) {
		var verdicts map[string]string
		out := command(t, string(input), "env", "NODE_EXTRA_CA_CERTS="+trusted, "node", "validate.mjs")
		require.NoError(t, json.Unmarshal([]byte(out), &verdicts))
		trust, err := broker.TrustFile(filepath.Join(folder, sns.AuthorityFile))
		require.NoError(t, err)
		ours := &broker.SNS{HTTP: server.Client(), Trust: trust, Hosts: []string{strings.TrimPrefix(server.URL, "https://")}}
		for name, body := range messages {
			require.Equal(t, genuine[name], verdicts[name] == "believed", "AWS's validator on %s: %s", name, verdicts[name])
			m, err := broker.ParseSNS([]byte(body))
			require.NoError(t, err, name)
			require.Equal(t, genuine[name], ours.Verify(t.Context(), m, []string{s.Topic("coral"), s.Topic("alpine")}) == nil, "ours on %s", name)
		}
	})
}

func TestQueueEmulator(t *testing.T) {
	wanted(t)
	t.Parallel()
	endpoint := "http://127.0.0.1:" + emulator(t)
	client := sqs.New(sqs.Options{Region: "us-east-1", BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	ctx := t.Context()
	made, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("acme"), Attributes: map[string]string{"VisibilityTimeout": "1"}})
	require.NoError(t, err)
	topic := between(t, query(t, endpoint, url.Values{"Action": {"CreateTopic"}, "Name": {"acme-changes"}}), "<TopicArn>", "</TopicArn>")
	query(t, endpoint, url.Values{"Action": {"Subscribe"}, "TopicArn": {topic}, "Protocol": {"sqs"}, "Endpoint": {"arn:aws:sqs:us-east-1:000000000000:acme"}})

	in, intake := newInbox(t)
	poller := &broker.SQS{Queue: client, URL: aws.ToString(made.QueueUrl), Intake: intake, Log: zap.NewNop()}
	consume(t, poller.Run)
	t.Run("what is published to a topic comes through its queue, under the id of SNS", func(t *testing.T) {
		answer := query(t, endpoint, url.Values{"Action": {"Publish"}, "TopicArn": {topic}, "Message": {`{"account_id":"coral","n":1}`},
			"MessageAttributes.entry.1.Name": {"key"}, "MessageAttributes.entry.1.Value.DataType": {"String"}, "MessageAttributes.entry.1.Value.StringValue": {"alpine:apt_1"}})
		id := "sns:" + between(t, answer, "<MessageId>", "</MessageId>")
		require.Eventually(t, func() bool { return in.bodies()[id] != "" }, 20*time.Second, 20*time.Millisecond)
		require.Equal(t, `alpine {"account_id":"coral","n":1}`, in.bodies()[id])
	})
	t.Run("what is sent to the queue itself comes too", func(t *testing.T) {
		before := len(in.bodies())
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String(`{"account_id":"harbor"}`)})
		require.NoError(t, err)
		_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String(`{"n":3}`),
			MessageAttributes: map[string]types.MessageAttributeValue{"key": {DataType: aws.String("String"), StringValue: aws.String("coral:apt_3")}}})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(in.bodies()) == before+2 }, 20*time.Second, 20*time.Millisecond)
	})
	t.Run("all of it is deleted", func(t *testing.T) {
		require.Eventually(t, func() bool {
			got, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
			return err == nil && got.Attributes["ApproximateNumberOfMessages"] == "0" && got.Attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
		}, 20*time.Second, 20*time.Millisecond)
	})
}

// emulator runs until the test ends and answers its port.
func emulator(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("node", "queue.mjs")
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = input.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// query calls SNS as its Query API wants it; the emulator looks at no signature but wants to see one.
func query(t *testing.T, endpoint string, values url.Values) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(values.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", values.Get("Action"), &body)
	return body.String()
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	found, _, ok2 := strings.Cut(rest, to)
	require.True(t, ok && ok2, text)
	return found
}
