package acmesync

import "time"

// Position is how far a stream has been read. The cursor is Acme's and short-lived, the watermark is ours.
type Position struct {
	Stream       Stream     `db:"stream"`
	Cursor       string     `db:"cursor"`
	WatermarkAt  *time.Time `db:"watermark_at"` // nil: nothing read yet
	WatermarkID  string     `db:"watermark_id"`
	Walking      bool       `db:"walking"`    // the cursor is good for the next page
	Backfilled   bool       `db:"backfilled"` // the first walk has reached its end
	PageLimit    int        `db:"page_limit"` // 0: as configured
	PageFailures int        `db:"page_failures"`
	Restarts     int        `db:"restarts"`   // refused cursors since the watermark last moved
	Audit        string     `db:"audit"`      // which this walk from the beginning is made for; empty: none
	Gaps         int        `db:"gaps"`       // ranges that this walk from the beginning had to step over
	PolledAgo    float64    `db:"polled_ago"` // seconds since it was read last; 0: never
	Tail         string     `db:"tail"`       // a hash of the records that the next poll brings again; empty: none
	Due          bool       `db:"due"`
	DueIn        float64    `db:"due_in"` // seconds; below zero: it has been due
	Now          time.Time  `db:"now"`    // by Postgres's clock, when the position was read
	// PollAfter is when the stream is to be polled again once a walk has ended; zero: at once.
	PollAfter time.Duration `db:"-"`
}
