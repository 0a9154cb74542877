package acmesync

import "time"

// ImportState is how far a file has come.
type ImportState string

const (
	ImportWaiting    ImportState = "waiting"    // found, and left alone until it has not changed for a look
	ImportReceiving  ImportState = "receiving"  // rows up to its offset are in the inbox
	ImportComplete   ImportState = "complete"   // all of it is
	ImportIncomplete ImportState = "incomplete" // it ends too early: the rows before are taken
	ImportFailed     ImportState = "failed"     // it cannot be read, from its beginning or from some line on
	ImportDuplicate  ImportState = "duplicate"  // the same content was taken before
)

// ImportSource is where a file came from.
type ImportSource string

const (
	FromUpload ImportSource = "upload"
	FromFolder ImportSource = "folder"
	FromURL    ImportSource = "url"
)

// FilesStream is the position by which the fetch lane looks for files; no record has it.
const FilesStream Stream = "files"

// Import is one CSV file on its way into the inbox, and what became of it.
type Import struct {
	ID        string       `json:"id" db:"id"` // time-ordered
	Stream    Stream       `json:"stream" db:"stream"`
	Source    ImportSource `json:"source" db:"source"`
	Name      string       `json:"name" db:"name"`
	Size      int64        `json:"size" db:"size"`
	SHA256    string       `json:"sha256,omitempty" db:"sha256"` // as announced, then as found
	State     ImportState  `json:"state" db:"state"`
	Message   string       `json:"message,omitempty" db:"message"` // why it is incomplete or failed
	Offset    int64        `json:"offset" db:"taken"`              // bytes whose rows are in the inbox
	Rows      int64        `json:"rows" db:"rows"`
	BadRows   int64        `json:"bad_rows" db:"bad"` // parked, each with its line
	Actor     string       `json:"actor" db:"actor"`
	CreatedAt time.Time    `json:"created_at" db:"created_at"`
	UpdatedAt time.Time    `json:"updated_at" db:"updated_at"`

	Generation int64  `json:"-" db:"generation"`
	Layout     string `json:"-" db:"layout"` // a stamp: rows of one file are read by one layout
	Mark       string `json:"-" db:"mark"`   // of a file that was picked up: changes with its content
	Place      []byte `json:"-" db:"place"`  // where reading goes on, as acme writes it
	Again      bool   `json:"-" db:"-"`      // taken although the same content was taken before
}

// ImportChunk is what was read of a file at once; it is committed together or not at all.
type ImportChunk struct {
	Import  string
	From    int64 // the offset that it was read from
	Offset  int64
	Rows    int64 // of the file so far
	BadRows int64
	Place   []byte
	Page    *NewPage
	People  []Person
	// Contacts are those that the rows name: unknown ones are read by id.
	Contacts []string
	State    ImportState
	Message  string
	SHA256   string // of a file that was read to its end
	Layout   string
	Position *Position // of FilesStream, where the fetch lane has read it
}

// FoundFile is a file that lies where a tenant's files are picked up.
type FoundFile struct {
	Stream Stream
	Name   string
	Size   int64
	Mark   string
	Layout string // the stamp of the layout that it would be read by
}

// WrongOffset says from where an upload goes on.
type WrongOffset struct{ Offset int64 }

func (e *WrongOffset) Error() string { return "the import goes on at another offset" }
