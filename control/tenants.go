package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"acmesync"
	"acmesync/db"
	"acmesync/egress"
)

// NewTenant is what it takes to set a tenant up.
type NewTenant struct {
	ID      acmesync.TenantID
	Name    string
	AcmeURL string
	AppURL  string
	Limit   *RateLimit      // nil: learnt from Acme's answers
	Config  json.RawMessage // the document; nil: all defaults
}

// RateLimit is how many requests Acme takes in how long.
type RateLimit struct {
	Requests   int
	PerSeconds int
}

// View is a tenant with where its two sides are and what it waits for.
type View struct {
	acmesync.Tenant
	Acme  Side            `json:"acme"`
	App   Side            `json:"app"`
	Holds []acmesync.Hold `json:"holds"`
	// HookEndpoint is the last part of the address its webhooks come in at.
	HookEndpoint string `json:"-"`
}

// Side is one of the two systems of a tenant.
type Side struct {
	BaseURL        string `json:"base_url"`
	CredentialsSet bool   `json:"credentials_set"`
}

// Create sets a tenant up as a draft. An *Invalid tells all that is wrong with it.
func (c *Control) Create(ctx context.Context, n NewTenant, actor string) (View, error) {
	config, err := c.checkNew(n)
	if err != nil {
		return View{}, err
	}
	switch _, err := c.DB.Tenant(ctx, n.ID); {
	case err == nil:
		return View{}, &acmesync.Conflict{Code: "tenant_exists", Message: fmt.Sprintf("there is a tenant %q already", n.ID)}
	case !errors.Is(err, acmesync.ErrNotFound):
		return View{}, err
	}
	owner := "tenant:" + string(n.ID)
	// The limit first: a tenant that was created without it would call Acme as if there were none.
	if n.Limit != nil {
		if err := c.DB.LearnBudget(ctx, owner, n.Limit.Requests, time.Duration(n.Limit.PerSeconds)*time.Second, 0); err != nil {
			return View{}, err
		}
	}
	if _, err := c.DB.CreateTenant(ctx, db.NewTenant{
		ID: n.ID, Name: n.Name, AcmeURL: n.AcmeURL, AppURL: n.AppURL, LimitOwner: owner, Config: config, Actor: actor,
	}); err != nil {
		return View{}, err
	}
	return c.Tenant(ctx, n.ID)
}

func (c *Control) checkNew(n NewTenant) (acmesync.Config, error) {
	invalid := &Invalid{Code: "invalid_value"}
	if !n.ID.Valid() {
		invalid.add("/id", "must be lower-case letters, digits and dashes, at most 63, and begin with a letter or digit")
	}
	if name := strings.TrimSpace(n.Name); name == "" || utf8.RuneCountInString(n.Name) > 200 || !utf8.ValidString(n.Name) || strings.ContainsRune(n.Name, 0) {
		invalid.add("/name", "must have 1 to 200 characters")
	}
	if err := egress.CheckURL(n.AcmeURL, c.Egress); err != nil {
		invalid.add("/acme/base_url", err.Error())
	}
	if err := egress.CheckURL(n.AppURL, c.Egress); err != nil {
		invalid.add("/app/base_url", err.Error())
	}
	if l := n.Limit; l != nil {
		if l.Requests < 1 || l.Requests > 100_000 {
			invalid.add("/acme/rate_limit/requests", "must be 1 to 100,000")
		}
		if l.PerSeconds < 1 || l.PerSeconds > 3600 {
			invalid.add("/acme/rate_limit/per_seconds", "must be 1 to 3,600")
		}
	}
	config, err := checkConfig(n.Config, invalid)
	if err != nil {
		return config, err
	}
	return config, invalid.err()
}

// checkConfig holds a new tenant's configuration to the schema. What its account says of itself is not known yet.
func checkConfig(document []byte, invalid *Invalid) (acmesync.Config, error) {
	if document == nil {
		return acmesync.Config{}, nil
	}
	config, err := compileConfig(document, acmesync.Connection{})
	var wrong *Invalid
	if errors.As(inConfig(err), &wrong) {
		invalid.Problems = append(invalid.Problems, wrong.Problems...)
		return config, nil
	}
	return config, err
}

// Tenant reads one with all that a person would ask about it.
func (c *Control) Tenant(ctx context.Context, id acmesync.TenantID) (View, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return View{}, err
	}
	connection, err := c.DB.Connection(ctx, id)
	if err != nil {
		return View{}, err
	}
	credentials, err := c.DB.Credentials(ctx, id)
	if err != nil {
		return View{}, err
	}
	holds, err := c.DB.Holds(ctx, id)
	if err != nil {
		return View{}, err
	}
	return View{
		Tenant: t, Holds: holds, HookEndpoint: connection.HookEndpoint,
		Acme: Side{BaseURL: connection.AcmeURL, CredentialsSet: credentials.AcmeAPIKey != ""},
		App:  Side{BaseURL: connection.AppURL, CredentialsSet: credentials.AppToken != ""},
	}, nil
}

// Configure changes a tenant's configuration by a JSON merge patch. With a version of the tenant other than 0 it is a Conflict
// where the tenant has changed since.
func (c *Control) Configure(ctx context.Context, id acmesync.TenantID, version int64, patch []byte, actor string) (View, error) {
	before, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return View{}, err
	}
	if version != 0 && version != before.Version {
		return View{}, &acmesync.Conflict{Code: "version_changed", Message: "The tenant was changed in the meantime: read it again."}
	}
	edit := ConfigEdit{Patch: patch, Actor: actor}
	if version != 0 {
		edit.Over = before.Rules
	}
	if _, err := c.EditConfig(ctx, id, edit); err != nil {
		return View{}, inConfig(err)
	}
	return c.Tenant(ctx, id)
}

// maxSecretBytes bounds what is taken for a key or token.
const maxSecretBytes = 4096

// SetCredentials keeps the secrets of a tenant's two sides; an empty one leaves what is stored. A tenant that waited for
// them goes on.
func (c *Control) SetCredentials(ctx context.Context, id acmesync.TenantID, secrets acmesync.Credentials, actor string) error {
	invalid := &Invalid{Code: "invalid_value"}
	for pointer, secret := range map[string]string{"/acme/api_key": secrets.AcmeAPIKey, "/app/token": secrets.AppToken, "/lookup/token": secrets.LookupToken} {
		if len(secret) > maxSecretBytes || strings.IndexFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) >= 0 {
			invalid.add(pointer, "must be printable ASCII without spaces, at most 4,096 characters")
		}
	}
	if secrets == (acmesync.Credentials{}) {
		invalid.add("", "must hold acme.api_key, app.token or lookup.token")
	}
	if err := invalid.err(); err != nil {
		return err
	}
	if _, err := c.DB.Tenant(ctx, id); err != nil {
		return err
	}
	if err := c.DB.SetCredentials(ctx, id, secrets, actor); err != nil {
		return fmt.Errorf("store the credentials of %s: %w", id, err)
	}
	waited, err := c.DB.Reconnected(ctx, id, actor)
	if err != nil {
		return err
	}
	if waited {
		c.begin(id)
	}
	return nil
}
