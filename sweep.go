package acmesync

// Overdue is a tenant that the sweep has to touch, and why.
type Overdue struct {
	Tenant  TenantID    `db:"tenant"`
	State   TenantState `db:"state"`
	Reason  string      `db:"reason"`  // lane, ring, review, cleanup
	Reviews []string    `db:"-"`       // fingerprints nobody has taken over
	Cleanup bool        `db:"cleanup"` // effects outside are left to be undone
}
