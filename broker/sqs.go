package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"acmesync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.uber.org/zap"
)

// Queue is what is needed of a queue; sqs.Client is it.
type Queue interface {
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, options ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, options ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// SQS polls a queue that SNS or Acme itself fills. A message is deleted after the inbox has committed; one that cannot be stored
// stays, and the queue shows it again. One that names no account stays too, until the queue gives it to its dead-letter queue.
type SQS struct {
	Queue  Queue
	URL    string
	Intake *Intake
	Log    *zap.Logger
}

const (
	longPoll      = 20 // seconds
	receiveAtMost = 10
	pollers       = 2
	receiveLimit  = 40 * time.Second
	deleteTimeout = 10 * time.Second
	keyAttribute  = "key" // "account:object", like a Kafka message's key
)

// Run polls until the context ends.
func (s *SQS) Run(ctx context.Context) error {
	s.Log.Info("polling a queue")
	var all sync.WaitGroup
	for range pollers {
		all.Go(func() {
			wait := firstPause
			for ctx.Err() == nil {
				err := s.next(ctx)
				if err == nil || ctx.Err() != nil {
					wait = firstPause
					continue
				}
				s.Intake.Counts.stalled(ctx, acmesync.BySQS)
				s.Log.Warn("the queue's messages are not taken yet", zap.Error(err))
				pause(ctx, wait)
				wait = min(2*wait, longestPause)
			}
		})
	}
	all.Wait()
	return nil
}

// next takes what one long poll brings.
func (s *SQS) next(ctx context.Context) error {
	receive, cancel := context.WithTimeout(ctx, receiveLimit)
	defer cancel()
	out, err := s.Queue.ReceiveMessage(receive, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(s.URL), MaxNumberOfMessages: receiveAtMost, WaitTimeSeconds: longPoll, MessageAttributeNames: []string{keyAttribute},
	})
	if err != nil {
		return fmt.Errorf("receive from the queue: %w", err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	var messages []message
	var taken []types.DeleteMessageBatchRequestEntry
	for n, m := range out.Messages {
		read := s.read(m)
		if len(read) == 0 {
			s.Intake.Counts.message(ctx, acmesync.BySQS, outcomeUnnamed)
			s.Log.Warn("message left in the queue: it names no account", zap.String("place", aws.ToString(m.MessageId)))
			continue
		}
		messages = append(messages, read...)
		taken = append(taken, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), ReceiptHandle: m.ReceiptHandle})
	}
	if len(taken) == 0 {
		return nil
	}
	store, stop := withGrace(ctx, lastBatch)
	defer stop()
	if err := s.Intake.store(store, messages); err != nil {
		return err
	}
	return s.remove(ctx, taken)
}

func (s *SQS) remove(ctx context.Context, taken []types.DeleteMessageBatchRequestEntry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	out, err := s.Queue.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(s.URL), Entries: taken})
	if err != nil {
		return fmt.Errorf("delete from the queue: %w", err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("delete from the queue: %d of %d messages stay, and are known when they come again", len(out.Failed), len(taken))
	}
	return nil
}

// read opens one message: a notification of SNS, or events as they are. The queue's own access is the proof; a notification
// has the id that it also has over HTTP. None: it names no account.
func (s *SQS) read(m types.Message) []message {
	body, id := []byte(aws.ToString(m.Body)), "sqs:"+aws.ToString(m.MessageId)
	key := ""
	if attribute, ok := m.MessageAttributes[keyAttribute]; ok {
		key = aws.ToString(attribute.StringValue)
	}
	if n, err := ParseSNS(body); err == nil && n.Type == SNSNotification {
		body, id = []byte(n.Message), "sns:"+n.MessageID
		if attribute, ok := n.Attributes[keyAttribute]; ok {
			key = attribute.Value
		}
	}
	one := message{way: acmesync.BySQS, id: id, body: body, place: aws.ToString(m.MessageId)}
	if account, ok := accountOf(key); ok {
		one.account = account
		return []message{one}
	}
	var all []message
	for _, part := range byAccount(body) {
		own := one
		own.account, own.body = part.account, part.body
		all = append(all, own)
	}
	return all
}

// part is what of a message concerns one account.
type part struct {
	account string
	body    []byte
}

// byAccount parts a list of events, or one event, in the words of Acme's contract. One that names no account leaves nothing:
// whoever fixes the publisher finds the message whole.
func byAccount(body []byte) []part {
	body = bytes.TrimSpace(body)
	list := []json.RawMessage{body}
	if bytes.HasPrefix(body, []byte("[")) && json.Unmarshal(body, &list) != nil {
		return nil
	}
	var accounts []string
	events := map[string][]json.RawMessage{}
	for _, raw := range list {
		var event struct {
			AccountID string `json:"account_id"`
		}
		if json.Unmarshal(raw, &event) != nil {
			return nil
		}
		if _, ok := accountOf(event.AccountID + ":x"); !ok {
			return nil
		}
		if events[event.AccountID] == nil {
			accounts = append(accounts, event.AccountID)
		}
		events[event.AccountID] = append(events[event.AccountID], raw)
	}
	if len(accounts) == 1 {
		return []part{{accounts[0], body}}
	}
	var parts []part
	for _, account := range accounts {
		own, err := json.Marshal(events[account])
		if err != nil {
			return nil
		}
		parts = append(parts, part{account, own})
	}
	return parts
}
