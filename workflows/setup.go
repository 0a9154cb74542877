package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// sweepEvery is how often the Schedule fires.
const sweepEvery = time.Minute

// retention is how long ended workflows stay to be looked at, in a namespace that Setup makes.
const retention = 30 * 24 * time.Hour

// Setup makes what Temporal has to have: the namespace, the search attributes and the sweep's Schedule. It may be repeated
// at any time; workers do at start and hourly, so a wiped Temporal heals.
func (c *Client) Setup(ctx context.Context, namespace string) error {
	if err := c.makeNamespace(ctx, namespace); err != nil {
		return err
	}
	if err := c.makeSearchAttributes(ctx, namespace); err != nil {
		return err
	}
	return c.makeSchedule(ctx)
}

func (c *Client) makeNamespace(ctx context.Context, namespace string) error {
	_, err := c.Temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var missing *serviceerror.NamespaceNotFound
	if err == nil || !errors.As(err, &missing) {
		return wrap(err, "look at the namespace "+namespace)
	}
	_, err = c.Temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	return wrap(err, "make the namespace "+namespace)
}

func (c *Client) makeSearchAttributes(ctx context.Context, namespace string) error {
	wanted := map[string]enumspb.IndexedValueType{ParkedCountKey.GetName(): enumspb.INDEXED_VALUE_TYPE_INT}
	for _, k := range []temporal.SearchAttributeKeyKeyword{TenantIDKey, SyncStateKey, ReviewStateKey, StreamKey, FingerprintKey} {
		wanted[k.GetName()] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	have, err := c.Temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list search attributes: %w", err)
	}
	for name := range have.GetCustomAttributes() {
		delete(wanted, name)
	}
	if len(wanted) == 0 {
		return nil
	}
	_, err = c.Temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: wanted,
	})
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &exists) { // another worker was faster
		return nil
	}
	return wrap(err, "add search attributes")
}

func (c *Client) makeSchedule(ctx context.Context) error {
	_, err := c.Temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      SweepSchedule,
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: sweepEvery}}},
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		Action: &client.ScheduleWorkflowAction{
			ID: sweepID, Workflow: SweepType, TaskQueue: WorkflowQueue, WorkflowExecutionTimeout: 10 * time.Minute,
			StaticSummary: "Makes the running state match the wanted one",
		},
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil
	}
	return wrap(err, "make the sweep's schedule")
}

// RunningTenants counts the TenantSync workflows that run, as visibility knows them.
func (c *Client) RunningTenants(ctx context.Context) (int64, error) {
	answer, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: `WorkflowType = '` + TenantSyncType + `' AND ExecutionStatus = 'Running'`,
	})
	if err != nil {
		return 0, fmt.Errorf("count running tenants: %w", err)
	}
	return answer.GetCount(), nil
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
