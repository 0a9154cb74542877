package acme

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
)

// FilePlace is how far a file was read, and all that reading on takes: reading goes on in another process from what was stored.
// It holds names of columns and nothing of a row.
type FilePlace struct {
	Offset    int64    `json:"offset"` // bytes, up to the end of the last whole row
	Line      int64    `json:"line"`   // lines before that
	Rows      int64    `json:"rows"`   // without header and trailer, bad ones included
	Bad       int64    `json:"bad"`
	Columns   []string `json:"columns,omitempty"`
	Delimiter string   `json:"delimiter,omitempty"`
	Marked    bool     `json:"marked,omitempty"` // by a byte order mark: it is UTF-8, whatever the layout says
	Ended     bool     `json:"ended,omitempty"`  // the trailer was read
	Announced int64    `json:"announced,omitempty"`
	Cut       bool     `json:"cut,omitempty"` // the last row is not whole
	Digest    []byte   `json:"digest,omitempty"`
}

// Verdict says whether a file that was read to its end is complete, and if not why, in a sentence.
func (l *FileLayout) Verdict(at FilePlace, size int64) (complete bool, why string) {
	switch {
	case at.Cut || at.Offset < size:
		return false, fmt.Sprintf("the file is cut off in line %d", at.Line+1)
	case at.Columns == nil:
		return false, "the file is empty: there is no header line"
	case l.trailer == "":
		return true, ""
	case !at.Ended:
		return false, fmt.Sprintf("the last row, %s, is missing: the file is cut off behind line %d", l.trailer, at.Line)
	case at.Announced < 0:
		return false, "the last row does not say how many rows there are"
	case at.Announced != at.Rows:
		return false, fmt.Sprintf("the last row says that there are %d rows, and there are %d", at.Announced, at.Rows)
	}
	return true, ""
}

// Sum is the SHA-256 of all that was read, in hexadecimal.
func (at FilePlace) Sum() string {
	digest := sha256.New()
	if state, ok := digest.(encoding.BinaryUnmarshaler); ok && len(at.Digest) > 0 && state.UnmarshalBinary(at.Digest) != nil {
		return ""
	}
	return hex.EncodeToString(digest.Sum(nil))
}
