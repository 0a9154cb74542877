package bench_test

import (
	"testing"

	"acmesync"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// history counts what the workflows of tenants have written down, over all their runs.
type history struct{ events, rings, activities, runs int }

func (h history) since(before history) history {
	return history{h.events - before.events, h.rings - before.rings, h.activities - before.activities, h.runs - before.runs}
}

func (s *stack) history(b *testing.B, tenants ...acmesync.TenantID) history {
	b.Helper()
	var h history
	for _, id := range tenants {
		workflowID := workflows.TenantSyncID(id)
		described, err := s.temporal.DescribeWorkflowExecution(b.Context(), workflowID, "")
		require.NoError(b, err)
		for run := described.GetWorkflowExecutionInfo().GetFirstRunId(); run != ""; {
			h.runs++
			all := s.temporal.GetWorkflowHistory(b.Context(), workflowID, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			run = ""
			for all.HasNext() {
				event, err := all.Next()
				require.NoError(b, err)
				h.count(event)
				if next := event.GetWorkflowExecutionContinuedAsNewEventAttributes(); next != nil {
					run = next.GetNewExecutionRunId()
				}
			}
		}
	}
	return h
}

func (h *history) count(e *historypb.HistoryEvent) {
	h.events++
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		h.rings++
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		h.activities++
	}
}
