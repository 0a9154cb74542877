package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"acmesync/broker"
	"acmesync/db"
	"acmesync/doorbell"
	"acmesync/hints"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"
)

// brokers reads Kafka and the queue where the environment names them. They need no Temporal: what they ring for while it is away
// is rung again.
func (p *program) brokers(ctx context.Context) error {
	if len(p.settings.Kafka.Brokers) == 0 && p.settings.SQS.QueueURL == "" {
		return nil
	}
	// A topic full of what nobody can read shall not flood the log.
	log := p.log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, 10, 1000)
	}))
	figures, err := broker.NewFigures(p.metrics.Meter)
	if err != nil {
		return fmt.Errorf("prepare the brokers' figures: %w", err)
	}
	bell, err := doorbell.New(p.db, p.doorbell, p.metrics.Meter, log)
	if err != nil {
		return fmt.Errorf("prepare the doorbell: %w", err)
	}
	defer bell.Close()
	intake := &broker.Intake{
		Inbox: p.db, Hints: &hints.Reader{Profiles: p.db}, Bell: bell, Counts: figures, Unavailable: db.Unavailable, Log: log,
	}
	group, ctx := errgroup.WithContext(ctx)
	if len(p.settings.Kafka.Brokers) > 0 {
		group.Go(func() error { return p.kafka(intake, log).Run(ctx) })
	}
	if p.settings.SQS.QueueURL != "" {
		queue, err := p.queue(ctx, intake, log)
		if err != nil {
			return err
		}
		group.Go(func() error { return queue.Run(ctx) })
	}
	return group.Wait()
}

func (p *program) kafka(intake *broker.Intake, log *zap.Logger) *broker.Kafka {
	k := p.settings.Kafka
	return &broker.Kafka{Intake: intake, Log: log, Options: broker.KafkaOptions{
		Brokers: k.Brokers, Topic: k.Topic, Group: k.Group, TLS: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile,
		Mechanism: k.Mechanism, User: k.User, Password: k.Password.Reveal(),
	}}
}

func (p *program) queue(ctx context.Context, intake *broker.Intake, log *zap.Logger) (*broker.SQS, error) {
	settings, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read AWS's settings: %w", err)
	}
	if settings.Region == "" {
		return nil, errors.New("AWS_REGION is not set: set it to the queue's region")
	}
	client := sqs.NewFromConfig(settings, func(o *sqs.Options) {
		if p.settings.SQS.Endpoint != "" {
			o.BaseEndpoint = aws.String(p.settings.SQS.Endpoint)
		}
	})
	return &broker.SQS{Queue: client, URL: p.settings.SQS.QueueURL, Intake: intake, Log: log}, nil
}
