package acmesync

import "time"

// Fact is a touch-point that counts.
type Fact struct {
	AcmeID     string
	UserID     string // the app's
	Day        string // "2006-01-02" in the user's zone
	Channel    string
	Direction  string
	OccurredAt time.Time
}

// Cell is a count that is due to be sent: absolute, zero included.
type Cell struct {
	UserID    string `db:"user_id"`
	Day       string `db:"day"`
	Channel   string `db:"channel"`
	Direction string `db:"direction"`
	N         int    `db:"n"`
	Changed   int64  `db:"changed"`
	Tries     int    `db:"tries"` // sent in vain so far
}
