package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// tray is a queue in memory. A message that was shown is hidden until show is called, as after a visibility timeout.
type tray struct {
	mu      sync.Mutex
	lying   map[string]types.Message // by receipt
	hidden  map[string]bool
	deletes int
	broken  error
	stuck   bool // deletes fail one by one
	next    int
}

func newTray() *tray { return &tray{lying: map[string]types.Message{}, hidden: map[string]bool{}} }

func (q *tray) put(body string, attributes map[string]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	id := fmt.Sprintf("id-%d", q.next)
	m := types.Message{Body: aws.String(body), MessageId: aws.String(id), ReceiptHandle: aws.String(id), MessageAttributes: map[string]types.MessageAttributeValue{}}
	for name, value := range attributes {
		m.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	q.lying[id] = m
}

func (q *tray) show() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.hidden)
}

func (q *tray) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lying)
}

func (q *tray) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	for {
		out := &sqs.ReceiveMessageOutput{}
		q.mu.Lock()
		broken := q.broken
		for receipt, m := range q.lying {
			if !q.hidden[receipt] && len(out.Messages) < int(in.MaxNumberOfMessages) {
				q.hidden[receipt] = true
				out.Messages = append(out.Messages, m)
			}
		}
		q.mu.Unlock()
		if broken != nil || len(out.Messages) > 0 {
			return out, broken
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (q *tray) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		if q.stuck {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id})
			continue
		}
		delete(q.lying, *e.ReceiptHandle)
		q.deletes++
	}
	return out, nil
}

func poll(t *testing.T, q *tray, s *shelf) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	poller := &SQS{Queue: q, URL: "https://sqs.example/q", Intake: s.intake(t), Log: zap.NewNop()}
	go func() { defer close(ended); _ = poller.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func TestSQS(t *testing.T) {
	t.Parallel()
	q, s := newTray(), newShelf()
	poll(t, q, s)
	t.Run("a notification of SNS is stored under the id it also has over HTTP, and deleted", func(t *testing.T) {
		m := with(notification(), map[string]any{"MessageAttributes": map[string]any{"key": map[string]any{"Type": "String", "Value": "coral:apt_1"}}})
		q.put(string(written(t, m)), nil)
		within(t, 5*time.Second, "it is deleted", func() bool { return q.left() == 0 })
		s.set(func() {
			d, ok := s.stored["at-coral sns:22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"]
			require.True(t, ok)
			require.JSONEq(t, `{"type":"appointment.updated"}`, string(d.Events[0].Body))
		})
		q.put(string(written(t, m)), nil)
		within(t, 5*time.Second, "it is deleted", func() bool { return q.left() == 0 })
		require.EqualValues(t, 1, s.outcomes(t)["duplicate"])
	})
	t.Run("plain events say by their account or attribute whose they are", func(t *testing.T) {
		before := s.count()
		q.put(`{"account_id":"coral","n":1}`, nil)
		q.put(`{"n":2}`, map[string]string{"key": "coral:apt_2"})
		q.put(string(written(t, with(notification(), map[string]any{"MessageId": "plain", "Message": `{"account_id":"coral"}`}))), nil)
		within(t, 5*time.Second, "all are deleted", func() bool { return q.left() == 0 })
		require.Equal(t, before+3, s.count())
	})
	t.Run("a list of several accounts goes to each its own part", func(t *testing.T) {
		parts := byAccount([]byte(` [{"account_id":"a","n":1},{"account_id":"b"},{"account_id":"a","n":2}]`))
		require.Len(t, parts, 2)
		require.JSONEq(t, `[{"account_id":"a","n":1},{"account_id":"a","n":2}]`, string(parts[0].body))
		require.JSONEq(t, `[{"account_id":"b"}]`, string(parts[1].body))
	})
	t.Run("poison is parked and deleted, a stranger's is deleted, and what names no account stays", func(t *testing.T) {
		q.put("not JSON", map[string]string{"key": "coral:apt_3"})
		q.put(`{"account_id":"stranger"}`, nil)
		for _, unnamed := range []string{"not JSON either", `{}`, `[]`, `[{"account_id":"coral"},{}]`, `[`, `{"account_id":7}`, `{"account_id":"\u0000"}`, `null`} {
			q.put(unnamed, nil)
		}
		within(t, 5*time.Second, "all others are deleted", func() bool { return q.left() == 8 })
		within(t, 5*time.Second, "all are counted", func() bool { return s.outcomes(t)["unnamed"] == 8 })
		require.EqualValues(t, 1, s.outcomes(t)["parked"])
		require.EqualValues(t, 1, s.outcomes(t)["unowned"])
	})
}

func TestSQSDeletesNothingThatIsNotStored(t *testing.T) {
	t.Parallel()
	q, s := newTray(), newShelf()
	s.away = errAway
	poll(t, q, s)
	q.put(`{"account_id":"coral"}`, nil)
	within(t, 5*time.Second, "it was tried", func() bool { return s.figures(t, "acmesync_broker_stalls", "way")["sqs"] > 0 })
	require.Equal(t, 1, q.left())
	s.set(func() { s.away = nil })
	q.show()
	within(t, 10*time.Second, "it is stored", func() bool { return s.count() == 1 && q.left() == 0 })
}

func TestSQSDeletesThatFail(t *testing.T) {
	t.Parallel()
	q, s := newTray(), newShelf()
	q.stuck = true
	poll(t, q, s)
	q.put(`{"account_id":"coral"}`, nil)
	within(t, 5*time.Second, "it is stored", func() bool { return s.count() == 1 })
	q.mu.Lock()
	q.stuck = false
	q.mu.Unlock()
	within(t, 10*time.Second, "it goes when it comes again", func() bool { q.show(); return q.left() == 0 })
	require.Equal(t, 1, s.count())
}

func TestSQSQueueAway(t *testing.T) {
	t.Parallel()
	q, s := newTray(), newShelf()
	q.broken = errors.New("no such queue")
	poll(t, q, s)
	within(t, 5*time.Second, "it is counted", func() bool { return s.figures(t, "acmesync_broker_stalls", "way")["sqs"] > 1 })
	q.mu.Lock()
	q.broken = nil
	q.mu.Unlock()
	q.put(`{"account_id":"coral"}`, nil)
	within(t, 20*time.Second, "it goes on", func() bool { return s.count() == 1 })
}
