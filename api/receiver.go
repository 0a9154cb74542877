package main

import (
	"acmesync/api/server/hooks"
	"acmesync/broker"
	"acmesync/config"
	"acmesync/db"
	"acmesync/doorbell"
	"acmesync/egress"
	"acmesync/telemetry"

	"go.uber.org/zap"
)

// newReceiver takes what Acme, the app and Amazon SNS deliver.
func newReceiver(settings config.API, memory *db.DB, ringer doorbell.Ringer, metrics *telemetry.Metrics, log *zap.Logger) (*hooks.Receiver, error) {
	sns := &broker.SNS{HTTP: egress.NewClient(egress.Policy{AllowPrivate: settings.AllowPrivateHosts}), Hosts: settings.SNS.Hosts}
	if file := settings.SNS.CAFile; file != "" {
		var err error
		if sns.Trust, err = broker.TrustFile(file); err != nil {
			return nil, err
		}
	}
	receiver, err := hooks.New(memory, ringer, settings.PublicURL, metrics.Meter, log)
	if err != nil {
		return nil, err
	}
	receiver.SNS = sns
	return receiver, nil
}
