package control

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"acmesync"
	"acmesync/acme"
	"acmesync/files"
)

// MaxImportBytes bounds one file.
const MaxImportBytes = 1 << 40

// Backlogged says that the inbox is full for now: the import stands where it is, and goes on from there.
type Backlogged struct{ RetryAfter time.Duration }

func (b *Backlogged) Error() string {
	return "What waits for the app is at its bound: go on from the same offset in a moment."
}

const backlogRetry = 2 * time.Second

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// NewImport is what it takes to begin an upload.
type NewImport struct {
	Stream acmesync.Stream
	Name   string
	Size   int64
	SHA256 string // of the content; empty: not known
	Again  bool   // take it although the same content was taken before
}

// OpenImport begins an upload. An *Invalid tells all that is wrong with it.
func (c *Control) OpenImport(ctx context.Context, id acmesync.TenantID, n NewImport, actor string) (acmesync.Import, error) {
	invalid := &Invalid{Code: "invalid_value"}
	switch n.Stream {
	case acmesync.Appointments, acmesync.Touchpoints, acmesync.Contacts, acmesync.Users:
	default:
		invalid.add("/stream", "must be appointments, touchpoints, contacts or users")
	}
	if name := strings.TrimSpace(n.Name); name == "" || utf8.RuneCountInString(n.Name) > 200 || !utf8.ValidString(n.Name) || strings.ContainsRune(n.Name, 0) {
		invalid.add("/name", "must have 1 to 200 characters")
	}
	if n.Size < 1 || n.Size > MaxImportBytes {
		invalid.add("/size", "must be the file's size in bytes: 1 to 1,099,511,627,776")
	}
	if n.SHA256 != "" && !hexSum.MatchString(n.SHA256) {
		invalid.add("/sha256", "must be the SHA-256 of the file in 64 lower-case hexadecimal digits; leave it out where it is not known")
	}
	if err := invalid.err(); err != nil {
		return acmesync.Import{}, err
	}
	_, layout, err := c.layout(ctx, id, n.Stream)
	if err != nil {
		return acmesync.Import{}, err
	}
	return c.DB.OpenImport(ctx, id, acmesync.Import{
		Stream: n.Stream, Source: acmesync.FromUpload, Name: n.Name, Size: n.Size, SHA256: n.SHA256, Layout: layout.Stamp(), Actor: actor, Again: n.Again,
	})
}

// layout is how the tenant's files of a stream are written.
func (c *Control) layout(ctx context.Context, id acmesync.TenantID, stream acmesync.Stream) (*acme.Profile, *acme.FileLayout, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if stream == acmesync.Appointments && t.Config.Appointments.Off || stream == acmesync.Touchpoints && t.Config.Touchpoints.Off {
		return nil, nil, &acmesync.Conflict{Code: "stream_off", Message: fmt.Sprintf("the tenant has switched %s off: nothing of it is taken", stream)}
	}
	profile, problems := acme.ParseProfile(t.Config.Profile)
	if len(problems) > 0 { // checked when it was saved: a rule that has become stricter since
		return nil, nil, fmt.Errorf("read the profile of %s: %s %s", id, problems[0].Pointer, problems[0].Message)
	}
	return &profile, profile.FileLayout(acme.Resource(stream)), nil
}

// Unfinished is the newest upload of the same content that can be gone on with; ErrNotFound where there is none.
func (c *Control) Unfinished(ctx context.Context, id acmesync.TenantID, stream acmesync.Stream, sum string) (acmesync.Import, error) {
	const lookBack = 500
	all, err := c.DB.Imports(ctx, id, "", lookBack)
	if err != nil {
		return acmesync.Import{}, err
	}
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return acmesync.Import{}, err
	}
	_, layout, err := c.layout(ctx, id, stream)
	if err != nil {
		return acmesync.Import{}, err
	}
	for _, i := range all {
		if i.State == acmesync.ImportReceiving && i.Source == acmesync.FromUpload && i.Stream == stream && i.SHA256 == sum &&
			i.Layout == layout.Stamp() && i.Generation == t.Generation {
			return i, nil
		}
	}
	return acmesync.Import{}, acmesync.ErrNotFound
}

// Receive takes bytes of an upload from an offset on, and commits rows chunk by chunk. Whatever ends it, what it answers is how far
// the import has come; an error beside it says why it goes no further for now. Progress is told after each commit.
func (c *Control) Receive(ctx context.Context, id acmesync.TenantID, importID string, offset int64, body io.Reader, progress func(acmesync.Import)) (acmesync.Import, error) {
	i, err := c.DB.Import(ctx, id, importID)
	if err != nil {
		return i, err
	}
	profile, layout, err := c.layout(ctx, id, i.Stream)
	if err != nil {
		return i, err
	}
	switch {
	case i.State != acmesync.ImportReceiving || i.Source != acmesync.FromUpload:
		return i, &acmesync.Conflict{Code: "import_ended", Message: fmt.Sprintf("this import takes no bytes: it is %s", i.State)}
	case offset != i.Offset:
		return i, &acmesync.WrongOffset{Offset: i.Offset}
	case i.Layout != layout.Stamp():
		return i, &acmesync.Conflict{Code: "layout_changed", Message: "how files are written was changed since this import began: begin another one"}
	}
	at, err := files.Place(i)
	if err != nil {
		return i, err
	}
	reader, err := layout.Read(io.LimitReader(body, i.Size-i.Offset), at, i.Size)
	if err != nil {
		return i, err
	}
	fence := acmesync.Fence{Tenant: id, Connection: acmesync.MainConnection, Generation: i.Generation}
	for i.State == acmesync.ImportReceiving {
		waiting, err := c.DB.Backlog(ctx, id)
		if err != nil {
			return i, err
		}
		if waiting.Full() {
			c.wake(id)
			return i, &Backlogged{RetryAfter: backlogRetry}
		}
		chunk, ended := reader.Next()
		next, worth, err := files.Chunk(i, layout, chunk, ended)
		if err != nil || !worth {
			return i, err
		}
		if profile.FilesOnly() {
			next.Contacts = nil // nobody could read them
		}
		after, err := c.DB.CommitChunk(ctx, fence, next)
		if err != nil {
			return i, err
		}
		i = after
		c.wake(id)
		progress(i)
	}
	return i, nil
}

// wake marks both lanes and rings the one that sleeps: after the commit, and off the caller's path.
func (c *Control) wake(id acmesync.TenantID) {
	c.Later.Do("ring for an import", string(id), nudgeTimeout, func(ctx context.Context) error {
		flipped, err := c.DB.Mark(ctx, []acmesync.TenantID{id}, acmesync.Fetch, acmesync.Deliver)
		if err != nil || len(flipped) == 0 {
			return err
		}
		return c.Workflows.Ring(ctx, id)
	})
}
