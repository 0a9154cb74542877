package acmesync

// Lookup is what a third party has answered for a key.
type Lookup struct {
	Found bool // false: it does not know the key
	Fresh bool // as read: young enough
	Body  []byte
}

// Enrichment completes appointments with what a third party knows: its value stands under custom.<name>, for the mapping to use.
type Enrichment struct {
	Name string `json:"name"`
	URL  string `json:"url"` // https, with {key}
	Key  string `json:"key"` // contact.email, contact.id, or a place in the record, such as owner_id or custom.order
	At   string `json:"at,omitempty"`
	// ExpiresSeconds is how old an answer may be when a record is delivered; 0: a day. An older one is used while nobody answers.
	ExpiresSeconds int      `json:"expires_seconds,omitempty"`
	WhenDown       WhenDown `json:"when_down,omitempty"`
	Token          bool     `json:"token,omitempty"` // ask with the tenant's look-up token
}

// WhenDown is what becomes of a record whose third party does not answer and never has for its key.
type WhenDown string

const (
	WaitForIt WhenDown = "wait" // the default: it is delivered once there is an answer
	GoWithout WhenDown = "without"
)
