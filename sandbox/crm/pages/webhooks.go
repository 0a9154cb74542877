package pages

import (
	"net/http"

	"acmesync/acme"
	"acmesync/sandbox/crm/webhooks"
)

type webhooksPage struct {
	Subscriptions []acme.Subscription
	Deliveries    []webhooks.Delivery
}

func (p *Pages) webhooks(v *visit) error {
	deliveries := p.Webhooks.Deliveries(v.account.Info().ID)
	return p.show(v, http.StatusOK, "webhooks.html", "webhooks", webhooksPage{
		Subscriptions: v.account.Subscriptions(), Deliveries: deliveries[:min(len(deliveries), 50)],
	})
}

func (p *Pages) enableWebhook(v *visit) error {
	if err := v.account.Enable(v.r.PathValue("id")); err != nil {
		return err
	}
	return v.goTo("/webhooks")
}

func (p *Pages) disableWebhook(v *visit) error {
	if err := v.account.Disable(v.r.PathValue("id"), "disabled on the page by "+v.user.Name); err != nil {
		return err
	}
	return v.goTo("/webhooks")
}
