package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"acmesync"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Kafka consumes a topic as a member of a group. An offset is committed after the inbox has committed, and partitions are
// given away only between batches, so that neither a rebalance nor a crash loses a message; what is read twice is stored once.
type Kafka struct {
	Options KafkaOptions
	Intake  *Intake
	Log     *zap.Logger

	client *kgo.Client

	mu       sync.Mutex
	assigned map[int32]bool
	lost     map[int32]bool // since the last poll
}

const (
	pollAtMost    = 2000
	commitTimeout = 10 * time.Second
	lastBatch     = 5 * time.Second // for the batch in hand when told to leave
	firstPause    = 200 * time.Millisecond
	longestPause  = 5 * time.Second
)

// Run consumes until the context ends. A broker or a database that is away is waited for; the error is a setting that cannot be.
func (k *Kafka) Run(ctx context.Context) error {
	options, err := k.Options.client(k.Log)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.assigned, k.lost = map[int32]bool{}, map[int32]bool{}
	k.mu.Unlock()
	k.client, err = kgo.NewClient(append(options,
		kgo.OnPartitionsAssigned(k.gained), kgo.OnPartitionsRevoked(k.gone), kgo.OnPartitionsLost(k.gone))...)
	if err != nil {
		return fmt.Errorf("prepare the Kafka client: %w", err)
	}
	defer k.client.CloseAllowingRebalance()
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { k.watchLag(ctx) })
	k.Log.Info("consuming", zap.String("topic", k.Options.Topic), zap.String("group", k.Options.Group))
	for ctx.Err() == nil {
		k.next(ctx)
	}
	return nil
}

// next takes one batch through: poll, store, ring, commit its offsets. The group may take partitions away at its end.
func (k *Kafka) next(ctx context.Context) {
	fetches := k.client.PollRecords(ctx, pollAtMost)
	defer k.client.AllowRebalance()
	k.mu.Lock()
	clear(k.lost)
	k.mu.Unlock()
	k.report(ctx, fetches)
	records := fetches.Records()
	if len(records) == 0 {
		return
	}
	records = k.storeUntilDone(ctx, records)
	if len(records) == 0 {
		return
	}
	commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := k.client.CommitRecords(commit, records...); err != nil {
		k.Log.Warn("offsets are not committed yet; the next batch does it, or the messages come again and are known",
			zap.Error(err))
	}
}

// report tells what the client could not do by itself, and pauses where that is all there was.
func (k *Kafka) report(ctx context.Context, fetches kgo.Fetches) {
	faults := 0
	fetches.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() != nil {
			return
		}
		faults++
		k.Intake.Counts.stalled(ctx, acmesync.ByKafka)
		k.Log.Warn("Kafka cannot be read", zap.String("topic", topic), zap.Int32("partition", partition), zap.Error(err))
	})
	if faults > 0 && fetches.NumRecords() == 0 {
		pause(ctx, time.Second)
	}
}

// storeUntilDone answers the records that are stored. While the database is away the batch is kept and partitions may be
// taken from it; their messages are the new owner's.
func (k *Kafka) storeUntilDone(ctx context.Context, records []*kgo.Record) []*kgo.Record {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		err := k.store(ctx, records)
		if err == nil {
			return k.kept(records)
		}
		k.Intake.Counts.stalled(ctx, acmesync.ByKafka)
		k.Log.Warn("messages are not stored yet", zap.Int("messages", len(records)), zap.Error(err))
		k.client.AllowRebalance()
		if !pause(ctx, wait) {
			return nil
		}
		if records = k.kept(records); len(records) == 0 {
			return nil
		}
	}
}

// store gives a batch that is in hand when the process is told to leave a little time.
func (k *Kafka) store(ctx context.Context, records []*kgo.Record) error {
	ctx, cancel := withGrace(ctx, lastBatch)
	defer cancel()
	messages := make([]message, 0, len(records))
	for _, r := range records {
		place := r.Topic + "/" + strconv.Itoa(int(r.Partition)) + "/" + strconv.FormatInt(r.Offset, 10)
		account, named := accountOf(string(r.Key))
		switch {
		case !named:
			k.Intake.Counts.message(ctx, acmesync.ByKafka, outcomeUnnamed)
			k.Log.Warn(`message skipped: its key is not "account:object"`, zap.String("place", place))
		case len(r.Value) == 0:
			k.Intake.Counts.message(ctx, acmesync.ByKafka, outcomeEmpty)
		default:
			messages = append(messages, message{
				way: acmesync.ByKafka, id: kafkaID(place, r.Timestamp), account: account, body: r.Value, place: place,
			})
		}
	}
	return k.Intake.store(ctx, messages)
}

// kafkaID names a message. A topic that was made anew counts its offsets from 0 again, at other times.
func kafkaID(place string, at time.Time) string {
	return "kafka:" + place + "@" + strconv.FormatInt(at.UnixMilli(), 10)
}

func (k *Kafka) gained(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range partitions[k.Options.Topic] {
		k.assigned[p] = true
	}
}

func (k *Kafka) gone(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range partitions[k.Options.Topic] {
		delete(k.assigned, p)
		k.lost[p] = true
	}
}

// kept leaves out what belongs to partitions that were taken away, even if they came back: they start at what is committed.
func (k *Kafka) kept(records []*kgo.Record) []*kgo.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	var kept []*kgo.Record
	for _, r := range records {
		if !k.lost[r.Partition] {
			kept = append(kept, r)
		}
	}
	return kept
}

// pause waits, or tells that it is time to leave.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// withGrace is a context that ends a while after its parent does.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}
