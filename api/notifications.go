package main

import (
	"acmesync/broker"
	"acmesync/config"
	"acmesync/egress"
)

// notifications is whom this api believes that they are Amazon SNS.
func notifications(settings config.API) (*broker.SNS, error) {
	sns := &broker.SNS{HTTP: egress.NewClient(egress.Policy{AllowPrivate: settings.AllowPrivateHosts}), Hosts: settings.SNS.Hosts}
	if settings.SNS.CAFile == "" {
		return sns, nil
	}
	var err error
	sns.Trust, err = broker.TrustFile(settings.SNS.CAFile)
	return sns, err
}
