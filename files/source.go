package files

import (
	"context"
	"io"

	"acmesync"
	"acmesync/acme"
)

// Source is where a tenant's files are picked up. Its errors are of package acme: files are another way of Acme's to speak.
type Source interface {
	// Kind is how an import names it.
	Kind() acmesync.ImportSource
	// List names the files that lie there and are some stream's.
	List(ctx context.Context, p *acme.Profile, streams []acmesync.Stream) ([]acmesync.FoundFile, error)
	// Open reads a piece of a file from an offset on. ErrChanged: it is not the file any more that was found.
	Open(ctx context.Context, i acmesync.Import) (io.ReadCloser, error)
}

// PieceBytes is how much of a file is opened at once: a chunk with the longest row, and some more.
const PieceBytes = 8 << 20

const mostFiles = 10_000

func unusable(code string, err error) error {
	return &acme.Error{Kind: acme.KindProfile, Op: "look for files", Code: code, Err: err}
}

// ofStream finds the stream whose files bear such a name; the first that fits.
func ofStream(p *acme.Profile, streams []acmesync.Stream, name string) (acmesync.Stream, bool) {
	for _, s := range streams {
		if p.FileLayout(acme.Resource(s)).Takes(name) {
			return s, true
		}
	}
	return "", false
}
