package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Register makes all workflows known to a worker, or to a test environment.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(TenantSync, workflow.RegisterOptions{Name: TenantSyncType})
	r.RegisterWorkflowWithOptions(Review, workflow.RegisterOptions{Name: ReviewType})
	r.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
}
