package control

import (
	"context"
	"errors"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/egress"
	"acmesync/mapping"
	"acmesync/preview"
)

// PreviewRequest is what somebody wants to be shown.
type PreviewRequest struct {
	Document   []byte            // the draft; nil: the configuration in force
	Streams    []acmesync.Stream // none: all that are recorded
	Sample     int               // how many records are shown of each kind of outcome; 0: 5
	MaxRecords int               // 0: all
	From       preview.Place     // where an earlier one ended
}

const (
	// previewTimeout bounds one look; it lies within the api's own bound on an answer.
	previewTimeout = 30 * time.Second
	defaultSample  = 5
	maxSample      = 50
	previewPage    = 200 // records, where none is configured
)

// SideUnavailable is the code of a refusal because one side does not answer.
const SideUnavailable = "side_unavailable"

// Preview tells what a draft configuration would do to a tenant's present records. It works in every state, before the first
// activation too, and writes nothing anywhere. What is wrong with the draft is an *Invalid.
func (c *Control) Preview(ctx context.Context, id acmesync.TenantID, q PreviewRequest) (preview.Result, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return preview.Result{}, err
	}
	if err := checkPreview(&q); err != nil {
		return preview.Result{}, err
	}
	draft := t.Config
	if q.Document != nil {
		var problems []mapping.Problem
		if draft, problems, err = mapping.ReadConfig(q.Document); err != nil {
			return preview.Result{}, err
		}
		if len(problems) > 0 {
			return preview.Result{}, inConfig(invalidConfig(problems))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	p, err := c.preparePreview(ctx, t, draft)
	if err != nil {
		return preview.Result{}, err
	}
	p.Streams, p.Sample, p.MaxRecords, p.From = q.Streams, q.Sample, q.MaxRecords, q.From
	result, err := p.Run(ctx)
	return result, sideRefusal(err)
}

func checkPreview(q *PreviewRequest) error {
	invalid := &Invalid{Code: "invalid_value"}
	if q.Sample < 0 || q.Sample > maxSample {
		invalid.add("/sample", "must be 1 to 50, or left out")
	}
	if q.MaxRecords < 0 {
		invalid.add("/max_records", "must be 1 or more, or left out")
	}
	if len(q.Streams) == 0 {
		q.Streams = acmesync.Recorded()
	}
	for _, s := range q.Streams {
		if !slices.Contains(acmesync.Recorded(), s) {
			invalid.add("/streams", "must be of appointments and touchpoints")
			break
		}
	}
	slices.Sort(q.Streams)
	q.Streams = slices.Compact(q.Streams)
	q.Sample = orDefault(q.Sample, defaultSample)
	return invalid.err()
}

// preparePreview makes the clients and both sets of rules. An account that nobody has looked at yet is asked for its region and
// zone; they are not kept.
func (c *Control) preparePreview(ctx context.Context, t acmesync.Tenant, draft acmesync.Config) (*preview.Preview, error) {
	connection, err := c.DB.Connection(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	credentials, err := c.DB.Credentials(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	if p, problems := acme.ParseProfile(draft.Profile); len(problems) == 0 && p.FilesOnly() {
		return nil, &acmesync.Conflict{Code: "files_only", Message: "there is no API to read records from: the account is known from files alone"}
	}
	missing := &Invalid{Code: CredentialsMissing}
	if credentials.AcmeAPIKey == "" {
		missing.add("/acme/api_key", "Acme's API key is not set.")
	}
	if credentials.AppToken == "" {
		missing.add("/app/token", "The app's token is not set.")
	}
	if err := missing.err(); err != nil {
		return nil, err
	}
	profile, problems := acme.ParseProfile(draft.Profile)
	if len(problems) > 0 {
		_, wrong := mapping.Compile(draft, mapping.Settings{})
		return nil, inConfig(invalidConfig(wrong))
	}
	client := &acme.Client{BaseURL: connection.AcmeURL, APIKey: credentials.AcmeAPIKey, HTTP: c.HTTP, Profile: &profile}
	settings := mapping.Settings{Region: connection.Region, TimeZone: connection.TimeZone}
	if settings == (mapping.Settings{}) {
		account, err := client.Account(ctx)
		if err != nil {
			return nil, sideRefusal(err)
		}
		settings = mapping.Settings{Region: account.Region, TimeZone: account.TimeZone}
	}
	rules, wrong := mapping.Compile(draft, settings)
	if len(wrong) > 0 {
		return nil, inConfig(invalidConfig(wrong))
	}
	present, wrong := mapping.Compile(t.Config, settings)
	if len(wrong) > 0 { // it was taken by an older release
		present = rules
	}
	changed, err := mapping.Changed(t.Config, draft)
	if err != nil {
		return nil, err
	}
	return &preview.Preview{
		Acme: client, App: &app.Client{BaseURL: connection.AppURL, Token: credentials.AppToken, HTTP: c.HTTP}, Memory: c.DB, Budget: c.DB,
		Tenant: t.ID, LimitOwner: connection.LimitOwner, Draft: rules, Present: present,
		Strange:  slices.Contains(mapping.Affected(changed), acmesync.Contacts),
		PageSize: orDefault(draft.PageSize, previewPage),
	}, nil
}

// sideRefusal says of a side's failure what the caller can do about it; any other error stays as it is.
func sideRefusal(err error) error {
	var fromAcme *acme.Error
	var fromApp *app.Error
	var side SideCheck
	pointer := "/acme/api_key"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, egress.ErrForbidden):
		return &Invalid{Code: AddressRefused, Problems: []Problem{{Pointer: "/base_url", Message: "An address leads to a private or reserved network."}}}
	case errors.As(err, &fromAcme) && fromAcme.Kind == acme.KindCursorLost:
		return &acmesync.Conflict{Code: "invalid_cursor", Message: "Acme does not know the place any more where the preview ended: begin again."}
	case errors.As(err, &fromAcme):
		side = failedSide("Acme", string(fromAcme.Kind), err)
	case errors.As(err, &fromApp):
		side, pointer = failedSide("The app", string(fromApp.Kind), err), "/app/token"
	case errors.Is(err, context.DeadlineExceeded):
		side = SideCheck{Message: "The time was up before anything could be looked at."}
	default:
		return err
	}
	if side.Kind == string(acmesync.Unauthorised) {
		return &Invalid{Code: "credentials_refused", Problems: []Problem{{Pointer: pointer, Message: side.Message}}}
	}
	return &acmesync.Conflict{Code: SideUnavailable, Message: side.Message}
}
