package workflows

import (
	"time"

	"acmesync/activities"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Sweep makes the running state match the wanted one, once per firing of its Schedule.
func Sweep(ctx workflow.Context) error {
	o := workflow.ActivityOptions{
		Summary: "ring, start and clean up what was left behind", StartToCloseTimeout: 4 * time.Minute, HeartbeatTimeout: time.Minute,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2}, // the next firing is the real retry
	}
	var result activities.SweepResult
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), do.SweepAll).Get(ctx, &result)
}
