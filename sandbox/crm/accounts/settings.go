package accounts

import "time"

// Settings are what an administrator can change about an account.
type Settings struct {
	APIKey    string        `json:"api_key"`
	Client    string        `json:"client"` // the name of whoever holds the key; origin of what it writes
	RateLimit RateLimit     `json:"rate_limit"`
	MaxPage   int           `json:"max_page"` // the largest limit of a list
	Webhooks  WebhookPolicy `json:"webhooks"`
	Push      []Push        `json:"push,omitempty"` // none: by webhook
}

// RateLimit allows a number of requests per window; no requests: no limit.
type RateLimit struct {
	Requests   int `json:"requests"`
	PerSeconds int `json:"per_seconds"`
}

// WebhookPolicy says how deliveries are tried again and when a subscription is given up.
type WebhookPolicy struct {
	TimeoutMS    int `json:"timeout_ms"`    // per attempt
	BackoffMS    int `json:"backoff_ms"`    // before the second attempt; doubles each time
	Retries      int `json:"retries"`       // after the first attempt
	DisableAfter int `json:"disable_after"` // failed deliveries in a row, each after all its attempts
}

// DefaultSettings are Acme's for an account nothing else was agreed with, but for the rate limit.
func DefaultSettings() Settings {
	return Settings{
		Client:    "api",
		RateLimit: RateLimit{PerSeconds: 10},
		MaxPage:   200,
		Webhooks:  WebhookPolicy{TimeoutMS: 5000, BackoffMS: 2000, Retries: 10, DisableAfter: 5},
	}
}

// Backoff is the pause before the given attempt, 2 being the first retry.
func (p WebhookPolicy) Backoff(attempt int) time.Duration {
	return time.Duration(p.BackoffMS) * time.Millisecond << max(0, attempt-2)
}

// Settings returns the settings as they are.
func (a *Account) Settings() Settings {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.settings
}

// ChangeSettings replaces the settings by what change makes of them; the API key is not changed this way.
func (a *Account) ChangeSettings(change func(*Settings)) (Settings, error) {
	next := a.Settings()
	key := next.APIKey
	change(&next)
	next.APIKey = key
	return next, a.set(Line{Kind: LineSettings, Settings: &next}, func() { a.settings = next })
}
