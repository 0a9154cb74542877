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
	// Open reads a file from an offset on. ErrChanged: it is not the file any more that was found.
	Open(ctx context.Context, i acmesync.Import) (io.ReadCloser, error)
}

const (
	mostFiles = 10_000
	mostPages = 1_000 // of a bucket's listing
)

func unusable(code string, err error) error {
	return &acme.Error{Kind: acme.KindProfile, Op: "look for files", Code: code, Err: err}
}

// layouts are how files of some streams are read.
type layouts []*acme.FileLayout

func layoutsOf(p *acme.Profile, streams []acmesync.Stream) layouts {
	all := make(layouts, len(streams))
	for i, s := range streams {
		all[i] = p.FileLayout(acme.Resource(s))
	}
	return all
}

// found is a file of the first stream whose files bear such a name; ok is false where there is none.
func (all layouts) found(name string, size int64, mark string) (file acmesync.FoundFile, ok bool) {
	for _, l := range all {
		if l.Takes(name) {
			return acmesync.FoundFile{Stream: acmesync.Stream(l.Resource), Name: name, Size: size, Mark: mark, Layout: l.Stamp()}, true
		}
	}
	return file, false
}
