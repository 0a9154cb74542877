package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/files"

	"go.temporal.io/sdk/activity"
)

// filesOf is where the tenant's files are picked up; nil: nowhere.
func (at *attempt) filesOf() files.Source {
	switch s := at.acme.Profile.FileSource(); {
	case s == nil:
		return nil
	case s.URL != "":
		key := files.Key{ID: at.credentials.FilesKeyID, Secret: at.credentials.FilesSecret, Region: s.Region}
		return files.Bucket{URL: s.URL, Prefix: s.Prefix, Key: key, HTTP: at.HTTP}
	default:
		return files.Folder{Root: at.ImportRoot, Tenant: at.fence.Tenant, Path: s.Folder}
	}
}

// watchFiles makes files a stream of the tenant's, with a position that is due like any other.
func (l *fetchLane) watchFiles(ctx context.Context) error {
	if l.watching || l.filesOf() == nil {
		return nil
	}
	l.watching = true
	return l.Files.WatchFiles(ctx, l.fence, true)
}

// changedAgain is how soon a file that was changed while it was opened is looked for again.
const changedAgain = 2 * time.Second

// pickUp looks for files, and reads a piece of the first that is due. A file that is new, or has grown since the last look, is
// left alone until the next.
func (l *fetchLane) pickUp(ctx context.Context, p acmesync.Position) error {
	source := l.filesOf()
	if source == nil {
		return l.Files.WatchFiles(ctx, l.fence, false)
	}
	activity.RecordHeartbeat(ctx, l.result) // a listing is a sign of life of its own
	found, err := source.List(ctx, l.acme.Profile, l.fileStreams())
	if err != nil {
		return err
	}
	due, err := l.Files.LookAtFiles(ctx, l.fence, source.Kind(), found)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		p.PollAfter, _ = l.rules.PollBounds()
		if s := l.tenant.Config.PollSeconds; s > 0 {
			p.PollAfter = time.Duration(s) * time.Second
		}
		err = l.Inbox.SavePosition(ctx, l.fence, p)
	} else {
		err = l.readFile(ctx, source, p, due[0])
	}
	if err != nil {
		return err
	}
	return l.release(ctx, acmesync.DependsOnAcme, p.Stream)
}

// fileStreams are the streams that the tenant takes files of, in the order in which they are needed: people first.
func (l *fetchLane) fileStreams() []acmesync.Stream {
	streams := []acmesync.Stream{acmesync.Users, acmesync.Contacts}
	for _, s := range acmesync.Recorded() {
		if !l.rules.Off(s) {
			streams = append(streams, s)
		}
	}
	return streams
}

// pieceBytes is how much of a file is read before hints have their turn again.
const pieceBytes = 8 << 20

// readFile reads a piece of a file, chunk by chunk; each commit says how far it has come.
func (l *fetchLane) readFile(ctx context.Context, source files.Source, p acmesync.Position, i acmesync.Import) error {
	leave, err := l.enter(ctx, acmesync.Backfill)
	if err != nil {
		return err
	}
	defer leave()
	p.PollAfter = 0
	layout := l.acme.Profile.FileLayout(acme.Resource(i.Stream))
	at, err := files.Place(i)
	if err != nil {
		return err
	}
	if i.Layout != "" && i.Layout != layout.Stamp() {
		at = acme.FilePlace{} // from its beginning: what was read by the layout before is compared again
	}
	from := i.Offset
	i.Offset = at.Offset
	body, err := source.Open(ctx, i)
	if errors.Is(err, files.ErrChanged) {
		p.PollAfter = changedAgain
		return l.Inbox.SavePosition(ctx, l.fence, p)
	}
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	reader, err := layout.Read(body, at, i.Size)
	if err != nil {
		return err
	}
	for progressed := false; ; progressed = true {
		read, ended := reader.Next()
		chunk, worth, err := files.Chunk(i, layout, read, ended)
		switch {
		case err != nil:
			return err
		case !worth && !progressed: // the bytes have broken off before a row was whole
			return &acme.Error{Kind: acme.KindUnavailable, Op: "read a file", Code: acme.CodeHalfAnswer}
		case !worth:
			return nil
		}
		chunk.From, chunk.Position = from, &p
		if l.acme.Profile.FilesOnly() {
			chunk.Contacts = nil // nobody could read them
		}
		if i, err = l.commitChunk(ctx, chunk); err != nil || i.State != acmesync.ImportReceiving {
			return err
		}
		from = i.Offset
		if full, err := l.inboxFull(ctx); err != nil || full || l.leaving() || from-at.Offset >= pieceBytes {
			return err
		}
	}
}

// commitChunk stores a chunk, then tells the deliver lane, as commit does for a page.
func (l *fetchLane) commitChunk(ctx context.Context, c acmesync.ImportChunk) (acmesync.Import, error) {
	activity.RecordHeartbeat(ctx, l.result)
	after, err := l.Files.CommitChunk(ctx, l.fence, c)
	if err != nil {
		return after, err
	}
	l.fencedAt = time.Now()
	if c.Page != nil {
		l.result.Read += c.Page.Records
	}
	if (c.Page != nil || len(c.People) > 0) && !l.Looker.Nudge(l.key(acmesync.Deliver)) {
		l.wake(ctx, acmesync.Deliver)
	}
	if after.State == acmesync.ImportFailed || after.State == acmesync.ImportIncomplete {
		l.log.Warn("a file was not taken whole", "stream", after.Stream, "import", after.ID, "state", after.State)
		l.Alerts.Alert(ctx, l.fence.Tenant, "A file of "+string(after.Stream)+" was not taken whole: "+after.Message)
	}
	return after, nil
}
