package accounts

import (
	"time"

	"acmesync/acme"
)

// TouchpointInput is what a writer may say about a touch-point.
type TouchpointInput struct {
	Channel     acme.Channel   `json:"channel"`
	Direction   acme.Direction `json:"direction"`
	UserID      string         `json:"user_id"`
	ContactID   string         `json:"contact_id"`
	OccurredAt  *time.Time     `json:"occurred_at"`
	DurationMS  *int64         `json:"duration_ms"`
	OutcomeID   string         `json:"outcome_id"`
	EmailStatus string         `json:"email_status"`
}

func (in TouchpointInput) onto(t acme.Touchpoint) *acme.Touchpoint {
	t.Channel, t.Direction, t.UserID, t.ContactID = in.Channel, in.Direction, in.UserID, in.ContactID
	t.DurationMS, t.OutcomeID, t.EmailStatus = in.DurationMS, in.OutcomeID, in.EmailStatus
	t.OccurredAt = nil
	if in.OccurredAt != nil {
		at := in.OccurredAt.UTC().Truncate(time.Microsecond)
		t.OccurredAt = &at
	}
	return &t
}

// CreateTouchpoint logs a call or an email.
func (a *Account) CreateTouchpoint(in TouchpointInput, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		if before, found, err := a.answered(now, by); found || err != nil {
			return before, 0, err
		}
		t := in.onto(acme.Touchpoint{Version: 1, LoggedAt: now, UpdatedAt: now})
		if err := a.checkTouchpoint(t, now); err != nil {
			return Written{}, 0, err
		}
		t.ID = a.touchpoints.nextID()
		return a.commit(now, "create", by, change{t, "created"})
	})
}

// UpdateTouchpoint changes what edit changes.
func (a *Account) UpdateTouchpoint(id string, edit func(*TouchpointInput) error, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, err := alive(&a.touchpoints, id, by, now, "touch-point")
		if err != nil {
			return Written{}, 0, err
		}
		in := TouchpointInput{
			Channel: old.Channel, Direction: old.Direction, UserID: old.UserID, ContactID: old.ContactID,
			OccurredAt: old.OccurredAt, DurationMS: old.DurationMS, OutcomeID: old.OutcomeID, EmailStatus: old.EmailStatus,
		}
		if err := edit(&in); err != nil {
			return Written{}, 0, err
		}
		t := in.onto(*old)
		if err := a.checkTouchpoint(t, now); err != nil {
			return Written{}, 0, err
		}
		t.Version, t.UpdatedAt = old.Version+1, now
		return a.commit(now, "update", by, change{t, "updated"})
	})
}
