package acmesync

// Command is something a person or the product's backend asks of a tenant.
type Command struct {
	ID     string // applies once; the Update's id where it came from the Temporal Web UI
	Name   CommandName
	Actor  string
	Reason string // a sentence, shown as the state's reason
	// RemoveEvents, of deactivate: take the delivered events out of the app.
	RemoveEvents bool
}

// CommandName is one of the fixed commands.
type CommandName string

const (
	Activate   CommandName = "activate"
	Pause      CommandName = "pause"
	Resume     CommandName = "resume"
	SyncNow    CommandName = "sync_now"
	RetryNow   CommandName = "retry_now"
	Rewalk     CommandName = "backfill" // read every stream from its beginning again
	AuditAll   CommandName = "audit"    // walk both sides and the ledger, and heal what differs
	Deactivate CommandName = "deactivate"
	Stop       CommandName = "stop" // cancelled in the Temporal Web UI
)

// Cleanup is an effect outside that a tenant's end has left to be undone.
type Cleanup struct {
	Kind   string `db:"kind"` // unsubscribe, remove_events
	Target string `db:"target"`
	Tries  int    `db:"tries"`
}
