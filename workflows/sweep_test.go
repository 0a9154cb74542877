package workflows_test

import (
	"testing"
	"time"

	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	var do *activities.Activities

	t.Run("it sweeps once", func(t *testing.T) {
		t.Parallel()
		env := newEnvironment()
		env.OnActivity(do.SweepAll, mock.Anything).Return(activities.SweepResult{Rung: 3}, nil).Once()
		env.ExecuteWorkflow(workflows.SweepType)
		require.True(t, env.IsWorkflowCompleted())
		require.NoError(t, env.GetWorkflowError())
		env.AssertExpectations(t)
	})

	t.Run("a failure is tried once more, then left to the next firing", func(t *testing.T) {
		t.Parallel()
		env := newEnvironment()
		start := env.Now()
		env.OnActivity(do.SweepAll, mock.Anything).Return(activities.SweepResult{}, temporal.NewApplicationError("no database", "")).Times(2)
		env.ExecuteWorkflow(workflows.SweepType)
		require.ErrorContains(t, env.GetWorkflowError(), "no database")
		require.Less(t, env.Now().Sub(start), 10*time.Minute)
		env.AssertExpectations(t)
	})
}
