package acme

import (
	"context"
	"net/http"
	"net/url"
)

// AppointmentInput is what a new appointment is made of. A pointer that is nil leaves the field out.
type AppointmentInput struct {
	Status        AppointmentStatus `json:"status,omitempty"`
	Subject       string            `json:"subject"` // 1 … 500 characters
	NotesHTML     string            `json:"notes_html,omitempty"`
	Start         *Moment           `json:"start"`
	End           *Moment           `json:"end"`
	IsPrivate     bool              `json:"is_private,omitempty"`
	OwnerID       string            `json:"owner_id,omitempty"`
	Location      string            `json:"location,omitempty"`
	ConferenceURL string            `json:"conference_url,omitempty"`
	ContactIDs    []string          `json:"contact_ids,omitempty"`
	SeriesID      string            `json:"series_id,omitempty"`      // of an exception, as the next
	OriginalStart *Moment           `json:"original_start,omitempty"` //
	ExternalRef   string            `json:"external_ref,omitempty"`   // ours; an appointment is found by it again
}

// AppointmentPatch are the fields of an appointment that a change names; nil ones stay as they are.
type AppointmentPatch struct {
	Status        *AppointmentStatus `json:"status,omitempty"`
	Subject       *string            `json:"subject,omitempty"`
	NotesHTML     *string            `json:"notes_html,omitempty"`
	Start         *Moment            `json:"start,omitempty"`
	End           *Moment            `json:"end,omitempty"`
	IsPrivate     *bool              `json:"is_private,omitempty"`
	OwnerID       *string            `json:"owner_id,omitempty"`
	Location      *string            `json:"location,omitempty"`
	ConferenceURL *string            `json:"conference_url,omitempty"`
	ContactIDs    *[]string          `json:"contact_ids,omitempty"` // all of them, in order
	Recurrence    *Recurrence        `json:"recurrence,omitempty"`
}

// CreateAppointment sets an appointment. The key makes repeating the same request harmless for 24 hours. One that is there
// already is a KindConflict with CodeDuplicate and its ExistingID.
func (c *Client) CreateAppointment(ctx context.Context, key string, in AppointmentInput) (Item, error) {
	return c.written(ctx, call{op: "create appointment", method: http.MethodPost, path: "/v1/appointments", body: in, key: key, collection: true})
}

// UpdateAppointment changes fields of an appointment that is still at the version; another one is a KindConflict.
func (c *Client) UpdateAppointment(ctx context.Context, id, key string, version int64, patch AppointmentPatch) (Item, error) {
	return c.written(ctx, call{op: "update appointment", method: http.MethodPatch, path: appointmentPath(id), body: patch, key: key, ifMatch: version})
}

// AttachContacts adds contacts to an appointment; those that are on it already change nothing.
func (c *Client) AttachContacts(ctx context.Context, id string, contacts []string) (Item, error) {
	return c.written(ctx, call{
		op: "attach contacts", method: http.MethodPost, path: appointmentPath(id) + "/contacts", body: map[string][]string{"contact_ids": contacts},
	})
}

// DeleteAppointment deletes an appointment that is still at the version (0: whatever it is); one that Acme doesn't know
// is deleted already.
func (c *Client) DeleteAppointment(ctx context.Context, id string, version int64) error {
	_, err := c.send(ctx, call{op: "delete appointment", method: http.MethodDelete, path: appointmentPath(id), ifMatch: version})
	if KindOf(err) == KindGone {
		return nil
	}
	return err
}

// UndeleteAppointment brings a deleted appointment back.
func (c *Client) UndeleteAppointment(ctx context.Context, id string) (Item, error) {
	return c.written(ctx, call{op: "undelete appointment", method: http.MethodPost, path: appointmentPath(id) + ":undelete"})
}

// AppointmentsByRef finds the appointments that bear an external_ref, deleted ones included.
func (c *Client) AppointmentsByRef(ctx context.Context, ref string) ([]Item, error) {
	const op = "look up appointments"
	got, err := c.send(ctx, call{
		op: op, method: http.MethodGet, path: "/v1/appointments?include_deleted=true&external_ref=" + url.QueryEscape(ref), collection: true,
	})
	if err != nil {
		return nil, err
	}
	items, _, ok := readPage(got.body)
	if !ok || got.status != http.StatusOK {
		return nil, half(op, got.status)
	}
	return items, nil
}

// written takes the record that a write is answered with.
func (c *Client) written(ctx context.Context, call call) (Item, error) {
	got, err := c.send(ctx, call)
	if err != nil {
		return Item{}, err
	}
	items, err := ReadItems(append(append([]byte{'['}, got.body...), ']'))
	if err != nil || len(items) != 1 || items[0].ID == "" {
		return Item{}, half(call.op, got.status)
	}
	return items[0], nil
}

func appointmentPath(id string) string { return "/v1/appointments/" + url.PathEscape(id) }
