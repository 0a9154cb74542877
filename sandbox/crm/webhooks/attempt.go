package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// longestWait bounds what a subscriber can ask for by Retry-After.
const longestWait = 15 * time.Minute

// carry makes all attempts of a delivery.
func (l *lane) carry(delivery *Delivery) {
	if again, pause := l.first(delivery); again {
		l.retry(delivery, pause)
	}
}

// first makes the first attempt and says whether, and after which pause, there is to be another one.
func (l *lane) first(delivery *Delivery) (again bool, pause time.Duration) {
	return l.judge(delivery, 1, l.attempt(delivery, 1))
}

// retry makes the later attempts.
func (l *lane) retry(delivery *Delivery, pause time.Duration) {
	for number := 2; ; number++ {
		next := l.dispatcher.Now().Add(pause)
		l.dispatcher.history.update(func() { delivery.NextAt = &next })
		if l.dispatcher.pause(pause) != nil {
			return
		}
		again, wait := l.judge(delivery, number, l.attempt(delivery, number))
		if !again {
			return
		}
		pause = wait
	}
}

// judge decides what an attempt's outcome means for the delivery and its subscription.
func (l *lane) judge(delivery *Delivery, number int, got Attempt) (again bool, pause time.Duration) {
	policy := l.account.Settings().Webhooks
	switch {
	case l.dispatcher.ctx.Err() != nil:
		return false, 0
	case got.Error == errGone:
		l.settle(delivery, Abandoned)
		return false, 0
	case got.Status >= 200 && got.Status < 300 && !got.unacknowledged:
		l.account.Delivered(l.subscription)
		l.settle(delivery, Delivered)
		return false, 0
	case got.Status == http.StatusGone:
		l.settle(delivery, Failed)
		l.report(l.account.Disable(l.subscription, "the endpoint answered 410 Gone"))
		return false, 0
	}
	// An outbound message is sent until it is taken, whatever is wrong with it.
	final := !got.persistent && got.Status >= 400 && got.Status < 500 && got.Status != http.StatusRequestTimeout && got.Status != http.StatusTooManyRequests
	if final || number > policy.Retries {
		l.settle(delivery, Failed)
		l.report(l.account.Failed(l.subscription, got.words()))
		return false, 0
	}
	return true, max(policy.Backoff(number+1), min(got.retryAfter, longestWait))
}

func (l *lane) report(err error) {
	if err != nil {
		l.dispatcher.Log.Error("cannot disable a subscription", "account", l.account.Info().ID, "error", err)
	}
}

// errGone stands in an attempt that was not made: its subscription is no longer active.
const errGone = "subscription is not active"

// attempt sends the delivery once and notes the outcome.
func (l *lane) attempt(delivery *Delivery, number int) Attempt {
	begun := l.dispatcher.Now()
	got := Attempt{At: begun}
	subscription, found := l.account.Subscription(l.subscription)
	if !found || subscription.Status != "active" {
		got.Error = errGone
		return got
	}
	timeout := time.Duration(l.account.Settings().Webhooks.TimeoutMS) * time.Millisecond
	ctx, cancel := context.WithTimeout(l.dispatcher.ctx, timeout)
	defer cancel()
	status, header, err := l.hand(ctx, delivery, number, subscription, begun)
	got.Status, got.persistent = status, subscription.Dialect == accounts.SOAP
	if err != nil {
		got.Error, got.unacknowledged = err.Error(), errors.Is(err, errNoAck)
	}
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		got.retryAfter = time.Duration(seconds) * time.Second
	}
	got.Millis = l.dispatcher.Now().Sub(begun).Milliseconds()
	l.dispatcher.history.update(func() {
		delivery.URL = subscription.URL
		delivery.Attempts = append(delivery.Attempts, got)
	})
	return got
}

var errNoAck = errors.New("the message was not acknowledged")

// hand gives the delivery to whatever carries it.
func (l *lane) hand(ctx context.Context, delivery *Delivery, number int, to accounts.Subscription, now time.Time) (status int, header http.Header, err error) {
	switch to.Carrier {
	case accounts.ByKafka:
		if l.dispatcher.Kafka == nil {
			return 0, nil, errors.New("this process has no broker")
		}
		if err := l.dispatcher.Kafka.Produce(ctx, delivery.Events); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, nil, nil
	case accounts.BySNS:
		for _, event := range delivery.Events { // there is one
			status, err = l.dispatcher.SNS.Publish(ctx, delivery.ID, event, to.URL)
		}
		return status, nil, err
	default:
		return l.post(ctx, delivery, number, to, to.Signing(now))
	}
}

func (l *lane) post(ctx context.Context, delivery *Delivery, number int, to accounts.Subscription, secrets []string) (status int, header http.Header, err error) {
	body, err := l.body(delivery, number, to.Dialect)
	if err != nil {
		return 0, nil, fmt.Errorf("encode events: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Acme-Webhooks/1.0")
	if err := prove(request, to.Dialect, secrets, delivery.ID, l.dispatcher.Now(), body); err != nil {
		return 0, nil, err
	}
	response, err := l.dispatcher.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	// Reading to the end lets the connection be used again; a subscriber to webhooks has nothing to say, though.
	said, broken := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	err = response.Body.Close()
	if to.Dialect == accounts.SOAP && response.StatusCode < 300 && (broken != nil || !acme.SOAPAcked(said)) {
		err = errNoAck
	}
	return response.StatusCode, response.Header, err
}
