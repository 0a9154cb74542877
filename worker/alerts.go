package main

import (
	"context"

	"acmesync"
	"acmesync/config"

	"github.com/nicholas-fedor/shoutrrr"
	"go.uber.org/zap"
)

// alerts tells people through the services that ALERT_URLS names, and the log in any case.
type alerts struct {
	urls []string
	log  *zap.Logger
	out  chan string
}

// alertsQueued bounds what waits to be sent; beyond it an alert is in the log only.
const alertsQueued = 100

func newAlerts(urls []config.Secret, log *zap.Logger) *alerts {
	a := &alerts{log: log, out: make(chan string, alertsQueued)}
	for _, u := range urls {
		a.urls = append(a.urls, u.Reveal())
	}
	if len(a.urls) > 0 {
		go a.send()
	}
	return a
}

// Alert never blocks and never fails: the work that raised it goes on.
func (a *alerts) Alert(_ context.Context, t acmesync.TenantID, text string) {
	a.log.Warn("alert", zap.String("tenant_id", string(t)), zap.String("text", text))
	if len(a.urls) == 0 {
		return
	}
	select {
	case a.out <- "acmesync, tenant " + string(t) + ": " + text:
	default:
		a.log.Error("an alert was not sent: too many are waiting", zap.String("tenant_id", string(t)))
	}
}

func (a *alerts) send() {
	for text := range a.out {
		for i, u := range a.urls {
			if err := shoutrrr.Send(u, text); err != nil {
				a.log.Error("an alert could not be sent", zap.Int("alert_url", i+1)) // the error may quote the URL, which holds a token
			}
		}
	}
}
