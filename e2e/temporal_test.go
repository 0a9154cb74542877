package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// update sends a command as the Web UI's form does: by name, without an id of ours.
func (s *stack) update(t *testing.T, workflowID, name string, in any) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	handle, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return "", err
	}
	var answer string
	return answer, handle.Get(ctx, &answer)
}

func (s *stack) backfill(t *testing.T, id acmesync.TenantID) error {
	t.Helper()
	_, err := s.update(t, workflows.TenantSyncID(id), workflows.BackfillUpdate, workflows.CommandInput{})
	return err
}

func (s *stack) statusOf(t *testing.T, workflowID string) enumspb.WorkflowExecutionStatus {
	t.Helper()
	d, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflowID, "")
	require.NoError(t, err)
	return d.GetWorkflowExecutionInfo().GetStatus()
}

func (s *stack) awaitStatus(t *testing.T, workflowID string, want enumspb.WorkflowExecutionStatus) {
	t.Helper()
	eventually(t, 30*time.Second, workflowID+" is "+want.String(), func() (bool, string) {
		got := s.statusOf(t, workflowID)
		return got == want, got.String()
	})
}

// awaitEnded waits until a tenant's workflow has ended by itself.
func (s *stack) awaitEnded(t *testing.T, id acmesync.TenantID) {
	t.Helper()
	s.awaitStatus(t, workflows.TenantSyncID(id), enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
}

func (s *stack) sweepNow(t *testing.T) {
	t.Helper()
	run, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: fmt.Sprintf("sweep-by-hand-%d", time.Now().UnixNano()), TaskQueue: workflows.WorkflowQueue,
	}, workflows.SweepType)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
}

func TestTemporal(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 2, apis: 1})
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.awaitEqual(t, coral, time.Minute)
	id := workflows.TenantSyncID(coral)

	t.Run("pause and resume from the Web UI answer in words, and a paused tenant reads nothing", func(t *testing.T) {
		answer, err := s.update(t, id, workflows.PauseUpdate, workflows.CommandInput{})
		require.NoError(t, err)
		require.Equal(t, "paused", answer)
		s.awaitState(t, coral, 5*time.Second, "paused")
		_, err = s.update(t, id, workflows.PauseUpdate, workflows.CommandInput{})
		require.ErrorContains(t, err, "cannot pause: the tenant is paused")
		acmeID := s.setAppointment(t, coral, "While paused")
		eventually(t, 5*time.Second, "its webhook is stored", func() (bool, string) {
			return s.balance(t, coral).stream(acmesync.Appointments).Arrivals.Waiting > 0, ""
		})
		require.Empty(t, s.event(t, coral, acmeID))
		_, err = s.update(t, id, workflows.ResumeUpdate, workflows.CommandInput{})
		require.NoError(t, err)
		s.awaitEvent(t, coral, acmeID, 15*time.Second)
	})

	t.Run("a terminated workflow is started again by the sweep, and nothing is lost", func(t *testing.T) {
		require.NoError(t, s.temporal.TerminateWorkflow(t.Context(), id, "", "by hand"))
		acmeID := s.setAppointment(t, coral, "While terminated")
		eventually(t, 30*time.Second, "the sweep has started it", func() (bool, string) {
			s.sweepNow(t)
			return s.statusOf(t, id) == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, ""
		})
		s.awaitEvent(t, coral, acmeID, 20*time.Second)
	})

	t.Run("a reset workflow goes on from what Postgres says", func(t *testing.T) {
		_, err := s.temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: id}, Reason: "by hand",
			WorkflowTaskFinishEventId: 4, RequestId: "reset-1",
		})
		require.NoError(t, err)
		acmeID := s.setAppointment(t, coral, "After a reset")
		s.awaitEvent(t, coral, acmeID, 20*time.Second)
		s.awaitEqual(t, coral, 20*time.Second)
	})

	t.Run("retry on a review delivers what was repaired, by update and by plain signal", func(t *testing.T) {
		review := s.parkOne(t, coral, "apt_by_update")
		answer, err := s.update(t, review, workflows.RetryUpdate, workflows.DecisionInput{})
		require.NoError(t, err)
		require.Contains(t, answer, "retry: 1 records")
		s.awaitStatus(t, review, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)

		review = s.parkOne(t, coral, "apt_by_signal")
		require.NoError(t, s.temporal.SignalWorkflow(t.Context(), review, "", workflows.RetrySignal, workflows.DecisionInput{}))
		s.awaitStatus(t, review, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
		s.awaitEqual(t, coral, 20*time.Second)
	})

	t.Run("a cancelled review discards its records", func(t *testing.T) {
		review := s.parkOne(t, coral, "apt_given_up")
		require.NoError(t, s.temporal.CancelWorkflow(t.Context(), review, ""))
		s.awaitStatus(t, review, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
		b := s.balance(t, coral)
		require.True(t, b.Balanced)
		require.EqualValues(t, 1, b.stream(acmesync.Appointments).Skipped["discarded"])
	})

	t.Run("cancel is an orderly stop that only activate undoes", func(t *testing.T) {
		require.NoError(t, s.temporal.CancelWorkflow(t.Context(), id, ""))
		s.awaitStatus(t, id, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
		s.awaitState(t, coral, 5*time.Second, "stopped")
		s.sweepNow(t)
		require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, s.statusOf(t, id))
		s.command(t, coral, "activate", nil)
		s.awaitState(t, coral, 30*time.Second, "active")
	})
}

// parkOne makes a record that the app fails on, then lets the app take it: what is parked now can be retried.
func (s *stack) parkOne(t *testing.T, id acmesync.TenantID, acmeID string) (reviewID string) {
	t.Helper()
	s.appFaults(t, id, map[string]any{"fail_external_ids": []string{acmesync.ExternalID(acmesync.MainConnection, acmeID)}})
	s.putAppointment(t, id, acmeID, nil)
	eventually(t, 15*time.Second, "the record is parked", func() (bool, string) {
		b := s.balance(t, id).stream(acmesync.Appointments)
		return b.Parked["destination_error"] == 1, fmt.Sprintf("%+v; %s", b, s.lanes(t, id))
	})
	s.appFaults(t, id, map[string]any{})
	review := workflows.ReviewID(id, acmesync.Fingerprint(acmesync.Appointments, acmesync.DestinationError, ""))
	s.awaitStatus(t, review, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	return review
}

// putAppointment lays fields over a record of Acme's, or makes it, under an id of the test's choice.
func (s *stack) putAppointment(t *testing.T, id acmesync.TenantID, acmeID string, fields map[string]any) {
	t.Helper()
	day := time.Now().AddDate(0, 0, 5).Format(time.DateOnly)
	record := map[string]any{
		"subject": acmeID, "owner_id": "usr_01", "status": "scheduled", "contact_ids": []string{}, "origin": "user",
		"start": map[string]any{"date_time": day + "T10:00:00", "time_zone": s.accounts[id].TimeZone},
		"end":   map[string]any{"date_time": day + "T10:30:00", "time_zone": s.accounts[id].TimeZone},
	}
	for k, v := range fields {
		record[k] = v
	}
	status, body := request(t, "PUT", s.acmeURL+"/admin/accounts/"+string(id)+"/records/appointments/"+acmeID, "", record)
	require.Less(t, status, 300, "%s", body)
}

// lanes describes a tenant's lanes and its workflow, for a test that waits in vain.
func (s *stack) lanes(t *testing.T, id acmesync.TenantID) string {
	t.Helper()
	var rows []string
	require.NoError(t, s.db.Super.Select(&rows, `SELECT now()||' '||row_to_json(l)::text FROM lanes l WHERE tenant = $1`, id))
	d, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflows.TenantSyncID(id), "")
	if err != nil {
		return err.Error()
	}
	for _, a := range d.GetPendingActivities() {
		rows = append(rows, a.String())
	}
	return strings.Join(rows, "\n")
}
