package acmesync

// Overdue is a tenant that the sweep has to touch, and why.
type Overdue struct {
	Tenant  TenantID    `db:"tenant"`
	State   TenantState `db:"state"`
	Reason  string      `db:"reason"`  // lane, ring, review, cleanup
	Reviews []string    `db:"-"`       // fingerprints nobody has taken over
	Cleanup bool        `db:"cleanup"` // effects outside are left to be undone
}

// Tidied counts what the inbox has forgotten.
type Tidied struct {
	Bodies int  `db:"bodies"` // of envelopes that ended days ago
	Days   int  `db:"days"`   // whole ones, months ago; what they had counted is kept
	Hooks  int  `db:"hooks"`  // ids of webhooks
	More   bool `db:"more"`   // the bound of one go was reached
}
