package workflows

import (
	"time"

	"acmesync"
	"acmesync/activities"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// do names activities by method, so that the compiler checks their inputs and results; it is never called through.
var do *activities.Activities

// Priorities on the task queues: people and webhooks before the long haul.
const lanePriority = 2

// forever repeats what can only fail for reasons of our own: Postgres, the worker, the network between them.
func forever() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		NonRetryableErrorTypes: []string{activities.ErrTypeConflict},
	}
}

// lane is for an attempt of a lane: long, alive by its own heartbeats, awaited when it is cancelled. The heartbeat's bound is
// longer than the longest call outside: a slow Acme must not look like a dead worker.
func lane(queue, summary string, t acmesync.TenantID) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue: queue, Summary: summary,
		StartToCloseTimeout: 15 * time.Minute, HeartbeatTimeout: 30 * time.Second, WaitForCancellation: true,
		RetryPolicy: forever(),
		Priority:    temporal.Priority{PriorityKey: lanePriority, FairnessKey: string(t)},
	}
}

// database is for a short read or write of Postgres.
func database(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{Summary: summary, StartToCloseTimeout: 30 * time.Second, RetryPolicy: forever()}
}

// farewell is for undoing effects outside as a tenant ends: bounded, the sweep does the rest.
func farewell() workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue: AcmeQueue, Summary: "undo what the tenant leaves outside",
		ScheduleToCloseTimeout: time.Minute, StartToCloseTimeout: time.Minute, HeartbeatTimeout: 30 * time.Second, RetryPolicy: forever(),
	}
}

// call runs an activity by its method value and waits for its result.
func call[In, Out any](ctx workflow.Context, o workflow.ActivityOptions, activity any, in In) (Out, error) {
	var out Out
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), activity, in).Get(ctx, &out)
	return out, err
}
