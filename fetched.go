package acmesync

import "time"

// Fetched is what one read of Acme brought; it is committed together or not at all.
type Fetched struct {
	Pages    []NewPage
	People   []Person
	Position *Position      // of the stream a page was read of; nil for a read by id
	Ended    []EndedHint    // hints this read satisfied
	Later    []LaterHint    // hints it did not
	Hints    []Key          // records to be read again: dated beyond the watermark, or a changed contact's events
	Absent   []Absent       // known records that Acme did not show when it was asked for them
	Orders   []Order        // for the deliver lane: records that are gone, or that Acme cannot answer
	Parked   []ParkedRecord // ranges that cannot be read; they name no record
}

// Absent are known records of a stream that a read by id did not find: gone, if they are not too many to be believed.
type Absent struct {
	Stream Stream
	IDs    []string
}

// EndedHint ends a hint; superseded when another hint of the same read named the same record.
type EndedHint struct {
	Envelope EnvelopeID
	Column   EndColumn
	Outcome  Code
}

// EndColumn is the count that an ended arrival goes to.
type EndColumn string

// LaterHint puts a hint off.
type LaterHint struct {
	Envelope EnvelopeID
	After    time.Duration
}

const (
	CountDone       EndColumn = "done"
	CountDuplicate  EndColumn = "duplicate"
	CountSuperseded EndColumn = "superseded"
	CountParked     EndColumn = "parked"
)

// NewPage is a page of records to be stored for the deliver lane.
type NewPage struct {
	Stream   Stream
	Way      Way
	Priority Priority
	Audit    string   // whose walk brought it; empty: nobody's
	IDs      []string // of its records; an unreadable one has none
	Records  int
	Body     []byte // the items as one JSON array
}

// Backlog is what waits for the deliver lane: fetch stops reading pages while it is too much.
type Backlog struct {
	Bytes   int64 `db:"bytes"`
	Records int64 `db:"records"`
}

// The bound on what waits for the deliver lane. Reading pages and taking files stop at it; half of it lets them go on.
const (
	MaxBacklogBytes   = 64 << 20
	MaxBacklogRecords = 50_000
)

// Full tells whether the bound is passed.
func (b Backlog) Full() bool { return b.Bytes > MaxBacklogBytes || b.Records > MaxBacklogRecords }
