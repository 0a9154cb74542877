package acmesync

// HookDelivery is what was pushed at once and proven: a webhook request whose signature was good, a broker's message.
type HookDelivery struct {
	Endpoint  string
	Way       Way      // empty: ByHook
	Tenant    TenantID // whose key seals the bodies
	WebhookID string   // unique per endpoint, for 30 days: another way prefixes its own
	BodySHA   []byte
	Events    []HookEvent
}

// HookEvent is one event of a delivery. One without a stream names nothing the product syncs and ends at once;
// a raw one could not be read at all and is kept for a person to see.
type HookEvent struct {
	Stream  Stream
	AcmeID  string
	Version int64
	Outcome Code // not empty: ended as it arrives
	Raw     bool
	Body    []byte // as it arrived
}

// IsWork reports whether a delivery leaves anything for the lanes to do.
func (d HookDelivery) IsWork() bool {
	for _, e := range d.Events {
		if e.Outcome == "" {
			return true
		}
	}
	return false
}

// HookStatus is what became of a delivery.
type HookStatus string

const (
	HookNew       HookStatus = "new"
	HookDuplicate HookStatus = "duplicate"
	HookGone      HookStatus = "gone" // nobody is behind that endpoint any more
)

// AccountHook is a tenant that has connected an account, and where its hooks arrive.
type AccountHook struct {
	Tenant   TenantID `db:"tenant"`
	Endpoint string   `db:"endpoint"`
}
