// Package kafka is a Kafka broker for the sandbox, with one topic that the accounts' changes are produced to. The broker is
// franz-go's kfake; any client can talk to it.
package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	"acmesync/acme"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic is where changes are. A message's key is "account:object", so that the changes of a record keep their order.
const Topic = "acme.changes"

const partitions = 4

// Broker is the broker and the producer that speaks to it.
type Broker struct {
	cluster *kfake.Cluster
	client  *kgo.Client
}

// Open listens on an address of this machine. What was produced is kept in the folder.
func Open(addr, folder string) (*Broker, error) {
	_, portText, err := net.SplitHostPort(addr)
	port, portErr := strconv.Atoi(portText)
	if err != nil || portErr != nil {
		return nil, fmt.Errorf("%s is no host:port", addr)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(partitions, Topic), kfake.DataDir(folder))
	if err != nil {
		return nil, fmt.Errorf("start the Kafka broker: %w", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic(Topic), kgo.ClientID("acme"))
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("prepare the producer: %w", err)
	}
	return &Broker{cluster: cluster, client: client}, nil
}

// Addr is where it listens.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Produce returns when the broker has the events.
func (b *Broker) Produce(ctx context.Context, events []acme.Event) error {
	records := make([]*kgo.Record, len(events))
	for i, event := range events {
		value, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		records[i] = &kgo.Record{Key: []byte(event.AccountID + ":" + event.ObjectID), Value: value}
	}
	return b.client.ProduceSync(ctx, records...).FirstErr()
}

// Close ends the producer, then the broker; nil is fine.
func (b *Broker) Close() {
	if b == nil {
		return
	}
	b.client.Close()
	b.cluster.Close()
}
