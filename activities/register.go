package activities

import "go.temporal.io/sdk/worker"

// Register makes all activities known to a worker. The same list serves every queue: which of them runs an activity is the
// workflows' choice.
func Register(r worker.ActivityRegistry, a *Activities) {
	r.RegisterActivity(a)
}
