package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/egress"
)

// Check is what a look at a tenant's two sides has brought.
type Check struct {
	OK   bool      `json:"ok"`
	Acme SideCheck `json:"acme"`
	App  SideCheck `json:"app"`
}

// SideCheck tells how one side answered.
type SideCheck struct {
	OK bool `json:"ok"`
	// Kind is credentials_missing, address_refused, or the kind of failure; empty where it is ok.
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message"` // a sentence
	// Account is the Acme account or app workspace the credentials belong to.
	Account  string `json:"account,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
}

// Kinds of a check's failures beside the clients' own.
const (
	CredentialsMissing = "credentials_missing"
	AddressRefused     = "address_refused"
	ProfileRefused     = "profile_refused"
)

// Check calls both sides with the stored credentials. Whatever they answer is a result; an error is our own.
func (c *Control) Check(ctx context.Context, id acmesync.TenantID) (Check, error) {
	tenant, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return Check{}, err
	}
	connection, err := c.DB.Connection(ctx, id)
	if err != nil {
		return Check{}, err
	}
	credentials, err := c.DB.Credentials(ctx, id)
	if err != nil {
		return Check{}, err
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var account acme.Account
	var result Check
	var both sync.WaitGroup
	both.Go(func() { result.Acme, account = c.checkAcme(limited, connection, credentials, tenant.Config.Profile) })
	both.Go(func() { result.App = c.checkApp(limited, connection, credentials) })
	both.Wait()
	if err := ctx.Err(); err != nil {
		return Check{}, fmt.Errorf("check %s: %w", id, err)
	}
	result.OK = result.Acme.OK && result.App.OK
	if result.Acme.OK && account != (acme.Account{}) {
		if err := c.DB.DescribeAccount(ctx, id, account.ID, account.Region, account.TimeZone); err != nil {
			return Check{}, err
		}
	}
	return result, nil
}

func (c *Control) checkAcme(ctx context.Context, connection acmesync.Connection, credentials acmesync.Credentials, document []byte) (SideCheck, acme.Account) {
	profile, problems := acme.ParseProfile(document)
	if profile.FilesOnly() {
		return SideCheck{OK: true, Message: "Acme is not called: the account is known from files alone."}, acme.Account{}
	}
	if credentials.AcmeAPIKey == "" {
		return SideCheck{Kind: CredentialsMissing, Message: "Acme's API key is not set."}, acme.Account{}
	}
	if len(problems) > 0 {
		return SideCheck{Kind: ProfileRefused, Message: "The profile cannot be used: " + problems[0].Pointer + " " + problems[0].Message + "."}, acme.Account{}
	}
	client := acme.Client{BaseURL: connection.AcmeURL, APIKey: credentials.AcmeAPIKey, HTTP: c.HTTP, Profile: &profile}
	account, err := client.Account(ctx)
	if err == nil && len(document) > 0 {
		err = tryLists(ctx, &client)
	}
	if err != nil {
		return failedSide("Acme", string(acme.KindOf(err)), err), acme.Account{}
	}
	return SideCheck{OK: true, Message: "Acme answers.", Account: account.Name, TimeZone: account.TimeZone}, account
}

// tryLists reads a little of every resource: a profile proves itself by what it brings. A record without usable keys is a
// field that the profile does not find.
func tryLists(ctx context.Context, client *acme.Client) error {
	for _, r := range []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints} {
		page, err := client.List(ctx, r, acme.ListQuery{Limit: 1, IncludeDeleted: true})
		if err != nil {
			return err
		}
		if len(page.Items) > 0 && page.Items[0].ID == "" {
			return &acme.Error{Kind: acme.KindProfile, Op: "list " + string(r), Code: acme.CodeNoKeys}
		}
	}
	return nil
}

func (c *Control) checkApp(ctx context.Context, connection acmesync.Connection, credentials acmesync.Credentials) SideCheck {
	if credentials.AppToken == "" {
		return SideCheck{Kind: CredentialsMissing, Message: "The app's token is not set."}
	}
	client := app.Client{BaseURL: connection.AppURL, Token: credentials.AppToken, HTTP: c.HTTP}
	workspace, err := client.Workspace(ctx)
	if err != nil {
		return failedSide("The app", string(app.KindOf(err)), err)
	}
	return SideCheck{OK: true, Message: "The app answers.", Account: workspace.Name, TimeZone: workspace.TimeZone}
}

// failedSide says in a sentence of our own how a side failed: its own words may hold anything.
func failedSide(side, kind string, err error) SideCheck {
	if errors.Is(err, egress.ErrForbidden) {
		return SideCheck{Kind: AddressRefused, Message: side + "'s address leads to a private or reserved network."}
	}
	var fromAcme *acme.Error
	if errors.As(err, &fromAcme) && fromAcme.Advice() != "" {
		return SideCheck{Kind: kind, Message: strings.ToUpper(fromAcme.Advice()[:1]) + fromAcme.Advice()[1:] + "."}
	}
	var sentence string
	switch acmesync.Kind(kind) {
	case acmesync.Unauthorised:
		sentence = side + " refuses the credentials."
	case acmesync.RateLimited:
		sentence = side + " takes no more requests at the moment."
	case acmesync.Unavailable:
		sentence = side + " cannot be reached or does not answer as it should."
	default:
		kind, sentence = string(acmesync.Rejected), side+" refuses the request."
	}
	return SideCheck{Kind: kind, Message: sentence}
}
