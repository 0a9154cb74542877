package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"acmesync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"
)

const (
	lagEvery   = 10 * time.Second
	lagTimeout = 5 * time.Second
)

// watchLag measures how far behind the group is, from the brokers' own figures: it grows even while nothing is read. It also tells
// of brokers that cannot be reached or do not let us in, which the client goes on trying in silence.
func (k *Kafka) watchLag(ctx context.Context) {
	admin := kadm.NewClient(k.client)
	for ctx.Err() == nil {
		if err := k.measureLag(ctx, admin); err != nil && ctx.Err() == nil {
			k.Intake.Counts.stalled(ctx, acmesync.ByKafka)
			k.Log.Warn("Kafka does not answer", zap.Error(err))
		}
		pause(ctx, lagEvery)
	}
}

func (k *Kafka) measureLag(ctx context.Context, admin *kadm.Client) error {
	k.mu.Lock()
	mine := slices.Collect(maps.Keys(k.assigned))
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	topic := k.Options.Topic
	begins, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	committed, err := admin.FetchOffsetsForTopics(ctx, k.Options.Group, topic)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	lags := map[int32]int64{}
	for _, partition := range mine {
		end, known := ends.Lookup(topic, partition)
		if !known || end.Err != nil {
			continue
		}
		at := int64(0)
		if begin, known := begins.Lookup(topic, partition); known && begin.Err == nil {
			at = begin.Offset
		}
		if c, known := committed.Lookup(topic, partition); known && c.Err == nil {
			at = max(at, c.At)
		}
		lags[partition] = max(0, end.Offset-at)
	}
	k.Intake.Counts.lag(lags)
	return nil
}
