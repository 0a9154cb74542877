package acmesync

import "time"

// BusinessKey says which appointment a record is, whatever its id, and whether its event is the one that stands for it.
type BusinessKey struct {
	AcmeID   string
	Key      string // a UUID's form
	SourceAt time.Time
	Holds    bool
}
