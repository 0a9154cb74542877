package activities

import (
	"context"
	"errors"
	"strconv"

	"acmesync"
	"acmesync/acme"
	"acmesync/mapping"

	"github.com/google/uuid"
)

// makeException makes the appointment that stands for an instance from now on. One that was made before its answer was lost is found by
// its reference.
func (r *round) makeException(ctx context.Context, i changed, patch acme.AppointmentPatch) (acme.Item, error) {
	exception, err := mapping.Exception(i.series, i.event, i.at.original)
	if err != nil {
		return acme.Item{}, err
	}
	operation := operationOf(r.fence.Connection, i.change.ID) + "/" + strconv.FormatInt(i.change.Version, 10)
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return acme.Item{}, err
	}
	there, err := r.acme.AppointmentsByRef(ctx, operation)
	if err != nil {
		return acme.Item{}, err
	}
	for _, item := range there {
		if !item.Deleted {
			return item, nil
		}
	}
	input := mapping.ExceptionInput(exception, patch)
	input.ExternalRef = operation
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return acme.Item{}, err
	}
	item, err := r.acme.CreateAppointment(ctx, operation, input)
	var refused *acme.Error
	if errors.As(err, &refused) && (refused.Kind == acme.KindRejected || refused.Kind == acme.KindMalformed || refused.Code == acme.CodeDuplicate) {
		fault := refusedByAcme(err)
		return item, &fault
	}
	return item, err
}

// exclude leaves an instance out of its series. One that is left out already, or whose series is gone, is as it is to be.
func (r *round) exclude(ctx context.Context, at place) error {
	for try := 1; ; try++ {
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
		batch, err := r.acme.BatchGet(ctx, acme.Appointments, []string{at.series})
		if err != nil || len(batch.Items) != 1 || batch.Items[0].Deleted {
			return err
		}
		series, err := acme.DecodeAppointment(batch.Items[0].Raw)
		if err != nil {
			return err
		}
		if series.Recurrence == nil {
			return nil
		}
		without, changes := r.rules.Excluded(series, at.original)
		if !changes {
			return nil
		}
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
		_, err = r.acme.UpdateAppointment(ctx, at.series, uuid.NewString(), series.Version, acme.AppointmentPatch{Recurrence: &without})
		if acme.KindOf(err) == acme.KindConflict && try < mergeTries {
			continue // somebody has changed the series meanwhile
		}
		if err == nil {
			r.commit.Hints = append(r.commit.Hints, acmesync.Key{Stream: acmesync.Appointments, AcmeID: at.series})
		}
		return err
	}
}
