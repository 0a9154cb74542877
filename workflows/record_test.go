package workflows_test

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

var record = flag.Bool("record", false, "record histories on the Temporal at TEST_TEMPORAL_ADDRESS, under the commit that is checked out")

// TestRecordHistories plays a scene for each state a workflow can be in, on a real server with the product's workflows and
// staged activities, and keeps the histories for TestReplay. It does nothing without -record: `make histories` gives it.
func TestRecordHistories(t *testing.T) { //nolint:paralleltest // the scenes share a server, and workers come and go
	if !*record {
		return
	}
	r := newRecorder(t)
	r.decisionsBeforeAWorker()
	stop := r.work("")
	r.working()
	r.held()
	r.paused()
	r.cancelled()
	r.deactivated()
	r.retriedReview()
	r.discardedReview()
	r.cancelledReview()
	r.decisionsTaken()
	r.sweep()
	stop()
	r.continued() // last: from here on only versioned workers are given tasks
}

type recorder struct {
	*stage
	t        *testing.T
	temporal client.Client
	client   *workflows.Client
	folder   string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	temporal, err := client.Dial(client.Options{HostPort: os.Getenv("TEST_TEMPORAL_ADDRESS"), Identity: "recorder", Logger: quiet()})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	r := &recorder{
		stage: newStage(), t: t, temporal: temporal, client: &workflows.Client{Temporal: temporal},
		folder: filepath.Join(histories, commit(t)),
	}
	_, err = os.Stat(r.folder)
	require.ErrorIs(t, err, os.ErrNotExist, "histories of this commit are there already, and are never overwritten")
	require.NoError(t, r.client.Setup(t.Context(), client.DefaultNamespace))
	require.NoError(t, r.client.Setup(t.Context(), client.DefaultNamespace), "setting up may be repeated")
	require.NoError(t, temporal.ScheduleClient().GetHandle(t.Context(), workflows.SweepSchedule).Pause(t.Context(), client.SchedulePauseOptions{}))
	return r
}

// commit is the one that the workflows are of; what is not committed cannot be recorded.
func commit(t *testing.T) string {
	t.Helper()
	changed, err := exec.CommandContext(t.Context(), "git", "status", "--porcelain", "--", "*.go", ":!*_test.go").Output()
	require.NoError(t, err)
	require.Empty(t, string(changed), "commit the workflows first")
	hash, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", "HEAD").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(hash))
}

func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

// work serves all queues until stop is called, as a version of the deployment or, with none, unversioned.
func (r *recorder) work(version string) (stop func()) {
	r.t.Helper()
	var workers []worker.Worker
	for _, queue := range []string{workflows.WorkflowQueue, workflows.AcmeQueue, workflows.AppQueue} {
		o := worker.Options{Identity: "recorder", DisableWorkflowWorker: queue != workflows.WorkflowQueue}
		if version != "" {
			o.DeploymentOptions = worker.DeploymentOptions{
				UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: version},
				DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
			}
		}
		w := worker.New(r.temporal, queue, o)
		if !o.DisableWorkflowWorker {
			workflows.Register(w)
		}
		w.RegisterActivity(&stagedActivities{r.stage})
		require.NoError(r.t, w.Start())
		workers = append(workers, w)
	}
	return func() {
		for _, w := range workers {
			w.Stop()
		}
	}
}

const deployment = "acmesync"

func (r *recorder) await(what string, condition func() bool) {
	r.t.Helper()
	require.Eventually(r.t, condition, time.Minute, 50*time.Millisecond, what)
}

// save keeps the history of a workflow's run once it is at rest; an empty run is the newest.
func (r *recorder) save(name, id, run string) {
	r.t.Helper()
	var history historypb.History
	r.await(name+" comes to rest", func() bool {
		history.Events = nil
		events := r.temporal.GetWorkflowHistory(r.t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			require.NoError(r.t, err)
			history.Events = append(history.Events, e)
		}
		switch history.Events[len(history.Events)-1].GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
			return false
		default:
			return true
		}
	})
	for _, e := range history.Events {
		if q := e.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue(); q.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
			q.Name = "sticky" // it bears the machine's name
		}
	}
	body, err := temporalproto.CustomJSONMarshalOptions{Indent: "\t"}.Marshal(&history)
	require.NoError(r.t, err)
	require.NoError(r.t, os.MkdirAll(r.folder, 0o755))
	file, err := os.OpenFile(filepath.Join(r.folder, name+".json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	require.NoError(r.t, err)
	_, err = file.Write(append(body, '\n'))
	require.NoError(r.t, err)
	require.NoError(r.t, file.Close())
	r.t.Logf("%s: %d events", name, len(history.Events))
}

func (r *recorder) update(id, name string, args ...any) string {
	r.t.Helper()
	handle, err := r.temporal.UpdateWorkflow(r.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(r.t, err)
	var answer string
	require.NoError(r.t, handle.Get(r.t.Context(), &answer))
	return answer
}

func (r *recorder) status(id, run string) enumspb.WorkflowExecutionStatus {
	r.t.Helper()
	d, err := r.temporal.DescribeWorkflowExecution(r.t.Context(), id, run)
	require.NoError(r.t, err)
	return d.GetWorkflowExecutionInfo().GetStatus()
}

func (r *recorder) awaitEnd(id string, status enumspb.WorkflowExecutionStatus) {
	r.t.Helper()
	_ = r.temporal.GetWorkflow(r.t.Context(), id, "").Get(r.t.Context(), nil)
	require.Equal(r.t, status, r.status(id, ""))
}

// startTenant starts one and answers its workflow's id.
func (r *recorder) startTenant(id acmesync.TenantID, fetch, deliver scene) string {
	r.t.Helper()
	r.tenant(id, fetch, deliver)
	require.NoError(r.t, r.client.StartTenant(r.t.Context(), id))
	require.NoError(r.t, r.client.StartTenant(r.t.Context(), id), "one that runs is found")
	return workflows.TenantSyncID(id)
}

func (r *recorder) ring(id acmesync.TenantID) {
	r.t.Helper()
	require.NoError(r.t, r.client.Ring(r.t.Context(), id))
}

// rest ends a workflow whose scene is over.
func (r *recorder) rest(id string) {
	r.t.Helper()
	require.NoError(r.t, r.temporal.TerminateWorkflow(r.t.Context(), id, "", "the scene is over"))
}

// due is a lane that has to run again in a while.
func due(wait time.Duration) activities.LaneResult {
	return activities.LaneResult{Due: true, Wait: wait}
}

func (r *recorder) working() {
	const id = "working"
	release := make(chan struct{})
	workflowID := r.startTenant(id, func(_ context.Context, n int) (activities.LaneResult, error) {
		switch n {
		case 1:
			return activities.LaneResult{More: true}, nil
		case 2:
			return due(2 * time.Second), nil
		}
		return due(time.Hour), nil
	}, func(ctx context.Context, n int) (activities.LaneResult, error) {
		if n == 1 {
			<-release
		}
		return idle(ctx, n)
	})
	r.await("the timer has fired", func() bool { return r.ran(id, acmesync.Fetch) == 3 })
	r.ring(id)
	r.await("the ring has started the fetch lane", func() bool { return r.ran(id, acmesync.Fetch) == 4 })
	require.Equal(r.t, 1, r.ran(id, acmesync.Deliver))
	close(release)
	r.await("the ring has started the deliver lane when it could", func() bool { return r.ran(id, acmesync.Deliver) == 2 })
	r.save("tenant-working", workflowID, "")
	r.rest(workflowID)
}

func (r *recorder) held() {
	const id = "held"
	workflowID := r.startTenant(id, idle, func(_ context.Context, n int) (activities.LaneResult, error) {
		result := activities.LaneResult{Held: n < 3, Due: n < 3, Wait: time.Second}
		if n == 2 {
			result.Wait = time.Hour
		}
		return result, nil
	})
	r.await("the hold was tried again", func() bool { return r.ran(id, acmesync.Deliver) == 2 })
	before := r.ran(id, acmesync.Fetch)
	r.ring(id)
	r.await("the ring has started the fetch lane", func() bool { return r.ran(id, acmesync.Fetch) > before })
	require.Equal(r.t, "retrying now", r.update(workflowID, workflows.RetryNowUpdate))
	r.await("the hold was tried again at once", func() bool { return r.ran(id, acmesync.Deliver) == 3 })
	r.save("tenant-held", workflowID, "")
	r.rest(workflowID)
}

func (r *recorder) paused() {
	const id = "paused"
	workflowID := r.startTenant(id, idle, idle)
	r.await("it runs", func() bool { return r.ran(id, acmesync.Fetch) == 1 })
	require.Equal(r.t, "paused", r.update(workflowID, workflows.PauseUpdate), "an empty form of the Web UI has no argument")
	r.ring(id)
	_, err := r.temporal.UpdateWorkflow(r.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: workflows.SyncNowUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = r.client.Nudge(r.t.Context(), id, workflows.SyncNowUpdate, workflows.CommandInput{})
	}
	require.ErrorContains(r.t, err, "cannot sync_now: the tenant is paused")
	require.Equal(r.t, 1, r.ran(id, acmesync.Fetch))
	require.NoError(r.t, r.client.Nudge(r.t.Context(), id, workflows.ResumeUpdate, workflows.CommandInput{CommandID: "resume/1", Actor: "sue"}))
	r.await("it runs again", func() bool { return r.ran(id, acmesync.Fetch) == 2 })
	require.NoError(r.t, r.client.Nudge(r.t.Context(), id, workflows.ApplyConfigUpdate, workflows.CommandInput{}))
	r.save("tenant-paused", workflowID, "")
	r.rest(workflowID)
}

// untilStopped is an attempt that ends at a page once the row says so.
func (r *recorder) untilStopped(id acmesync.TenantID) scene {
	return func(ctx context.Context, _ int) (activities.LaneResult, error) {
		for r.state(id).Runs() {
			select {
			case <-ctx.Done():
				return activities.LaneResult{}, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
		return activities.LaneResult{Reload: true}, nil
	}
}

func (r *recorder) cancelled() {
	const id = "cancelled"
	workflowID := r.startTenant(id, r.untilStopped(id), idle)
	r.await("it works", func() bool { return r.ran(id, acmesync.Fetch) == 1 })
	require.NoError(r.t, r.temporal.CancelWorkflow(r.t.Context(), workflowID, ""))
	r.awaitEnd(workflowID, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	require.Equal(r.t, acmesync.Stopped, r.state(id))
	require.Equal(r.t, 1, r.tenants[id].cleanUps)
	require.ErrorIs(r.t, r.client.Ring(r.t.Context(), id), acmesync.ErrNotRunning)
	require.ErrorIs(r.t, r.client.Nudge(r.t.Context(), id, workflows.SyncNowUpdate, workflows.CommandInput{}), acmesync.ErrNotRunning)
	r.save("tenant-cancelled", workflowID, "")
}

func (r *recorder) deactivated() {
	const id = "deactivated"
	workflowID := r.startTenant(id, idle, r.untilStopped(id))
	r.await("it works", func() bool { return r.ran(id, acmesync.Deliver) == 1 })
	require.Equal(r.t, "deactivated", r.update(workflowID, workflows.DeactivateUpdate, workflows.CommandInput{RemoveEvents: true}))
	r.awaitEnd(workflowID, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	r.save("tenant-deactivated", workflowID, "")
}

// continued is a tenant whose worker is replaced by a newer version while it works.
func (r *recorder) continued() {
	const id = "continued"
	stop := r.work("one")
	r.makeCurrent("one")
	workflowID := r.startTenant(id, func(ctx context.Context, n int) (activities.LaneResult, error) {
		if n == 1 {
			return untilCancelled(ctx)
		}
		return idle(ctx, n)
	}, idle)
	r.await("it works", func() bool { return r.ran(id, acmesync.Fetch) == 1 })
	first, err := r.temporal.DescribeWorkflow(r.t.Context(), workflowID, "")
	require.NoError(r.t, err)
	run := first.WorkflowExecution.RunID

	stopNext := r.work("two")
	defer stopNext()
	r.makeCurrent("two")
	// Temporal takes its time to send the word round; each ring stays in the history, so they are few.
	require.Eventually(r.t, func() bool {
		r.ring(id)
		return r.status(workflowID, run) == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
	}, time.Minute, time.Second, "a ring makes it go over to the new version")
	stop()
	r.await("the new run works", func() bool { return r.ran(id, acmesync.Fetch) > 1 })
	next, err := r.temporal.DescribeWorkflow(r.t.Context(), workflowID, "")
	require.NoError(r.t, err)
	require.NotEqual(r.t, run, next.WorkflowExecution.RunID)
	tenant, _ := next.TypedSearchAttributes.GetKeyword(workflows.TenantIDKey)
	require.Equal(r.t, string(id), tenant, "search attributes are kept")
	r.save("tenant-continued", workflowID, run)
	r.rest(workflowID)
}

func (r *recorder) makeCurrent(version string) {
	r.t.Helper()
	handle := r.temporal.WorkerDeploymentClient().GetHandle(deployment)
	var err error
	r.await("version "+version+" is current", func() bool {
		_, err = handle.SetCurrentVersion(r.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: version})
		return err == nil
	})
}

// startReview starts one with open records and answers its workflow's id.
func (r *recorder) startReview(fingerprint string) string {
	r.t.Helper()
	r.parked(fingerprint, 3)
	require.NoError(r.t, r.client.NoticeReview(r.t.Context(), "working", fingerprint))
	return workflows.ReviewID("working", fingerprint)
}

// resolve carries a review's decision out, as the deliver lane does.
func (r *recorder) resolve(fingerprint string) {
	r.t.Helper()
	r.parked(fingerprint, 0)
	require.NoError(r.t, r.client.NoticeReview(r.t.Context(), "working", fingerprint))
}

func (r *recorder) retriedReview() {
	id := r.startReview("retried")
	require.Equal(r.t, "retry: 3 records", r.update(id, workflows.RetryUpdate))
	r.resolve("retried")
	r.awaitEnd(id, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	r.save("review-retried", id, "")
}

func (r *recorder) discardedReview() {
	id := r.startReview("discarded")
	require.NoError(r.t, r.temporal.SignalWorkflow(r.t.Context(), id, "", workflows.DiscardSignal, nil))
	r.await("the signal is heard", func() bool { return r.reviewIs("discarded", acmesync.ReviewCompensating) })
	r.resolve("discarded")
	r.awaitEnd(id, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	r.save("review-discarded", id, "")
}

func (r *recorder) cancelledReview() {
	id := r.startReview("cancelled")
	require.NoError(r.t, r.temporal.CancelWorkflow(r.t.Context(), id, ""))
	r.await("everything is given up", func() bool { return r.reviewIs("cancelled", acmesync.ReviewCompensating) })
	r.resolve("cancelled")
	r.awaitEnd(id, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	r.save("review-cancelled", id, "")
}

func (r *recorder) reviewIs(fingerprint string, state acmesync.ReviewState) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reviews[fingerprint].State == state
}

// decisionsBeforeAWorker leaves two Updates waiting for the review's very first task: the caller of each goes away.
func (r *recorder) decisionsBeforeAWorker() {
	id := r.startReview("waiting")
	for _, update := range []string{workflows.DiscardUpdate, workflows.RetryUpdate} {
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
		_, err := r.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateID: update, UpdateName: update, WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		cancel()
		require.Error(r.t, err, "nobody is there to take it")
	}
}

func (r *recorder) decisionsTaken() {
	id := workflows.ReviewID("working", "waiting")
	for _, update := range []string{workflows.DiscardUpdate, workflows.RetryUpdate} {
		handle := r.temporal.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{WorkflowID: id, UpdateID: update})
		require.NoError(r.t, handle.Get(r.t.Context(), nil))
	}
	r.resolve("waiting")
	r.awaitEnd(id, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	r.save("review-decided-before-its-first-task", id, "")
}

func (r *recorder) sweep() {
	run, err := r.temporal.ExecuteWorkflow(r.t.Context(), client.StartWorkflowOptions{TaskQueue: workflows.WorkflowQueue}, workflows.SweepType)
	require.NoError(r.t, err)
	require.NoError(r.t, run.Get(r.t.Context(), nil))
	r.save("sweep", run.GetID(), "")
}
