package workflows

import (
	"fmt"

	"acmesync"

	"go.temporal.io/sdk/workflow"
)

// TenantStatus answers the status query.
type TenantStatus struct {
	State   acmesync.TenantState `json:"state"`
	Reason  string               `json:"reason,omitempty"`
	Fetch   string               `json:"fetch"`
	Deliver string               `json:"deliver"`
}

func (s *tenantSync) status() TenantStatus {
	return TenantStatus{State: s.visible(), Reason: s.state.Reason, Fetch: s.fetch.words(), Deliver: s.deliver.words()}
}

// visible is the state as people see it: a tenant with a held lane is held.
func (s *tenantSync) visible() acmesync.TenantState {
	held := s.state.Held
	for _, l := range s.lanes() {
		held = held || l.held || l.part
	}
	if s.state.State.Runs() && held {
		return acmesync.Held
	}
	return s.state.State
}

// words tell what a lane does or waits for, and until when.
func (l *laneRun) words() string {
	until := ""
	if !l.due.IsZero() {
		until = " until " + l.due.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	switch {
	case l.future != nil:
		return "working"
	case l.held:
		return "held by a fault outside" + until
	case l.part:
		return "some of it held by a fault outside" + until
	case l.due.IsZero():
		return "waiting to be rung"
	}
	return "waiting to be rung, or" + until
}

// describe says in the Web UI, in words, what the workflow is doing or waiting for.
func (s *tenantSync) describe(ctx workflow.Context) {
	state := s.visible()
	s.show(ctx, string(state))
	text := fmt.Sprintf("**%s**", state)
	if s.state.Reason != "" {
		text += ": " + s.state.Reason
	}
	switch {
	case s.state.State == acmesync.Paused:
		text += "\n\nPaused by a person. Send the Update `resume` to go on."
	case s.state.State == acmesync.NeedsReauth:
		text += "\n\nWaits for new credentials. It goes on by itself once they are set."
	default:
		text += fmt.Sprintf("\n\n- fetch lane: %s\n- deliver lane: %s", s.fetch.words(), s.deliver.words())
		if state == acmesync.Held {
			text += "\n\nSend the Update `retry_now` to try again at once."
		}
	}
	workflow.SetCurrentDetails(ctx, text)
}

// show writes the search attribute, on transitions only. Where Temporal does not know the attribute it fails the task and
// repeats it, doing nothing else for the tenant, until a worker's Setup has made it: workers take no task before they did.
func (s *tenantSync) show(ctx workflow.Context, state string) {
	if state == s.shown {
		return
	}
	s.shown = state
	_ = workflow.UpsertTypedSearchAttributes(ctx, SyncStateKey.ValueSet(state))
}
