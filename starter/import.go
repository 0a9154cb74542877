package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"acmesync"
	"acmesync/control"

	"github.com/spf13/cobra"
)

// importFile sends a CSV file. It goes on by itself where an earlier call for the same content was broken off.
func (s *session) importFile() *cobra.Command {
	var tenant, stream string
	var again bool
	cmd := &cobra.Command{Use: "import FILE", Short: "Take the records of a CSV file; called again, it goes on where it was broken off", Args: takes("FILE")}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if tenant == "" || stream == "" {
			return wrongCall("name the tenant by --tenant and the stream by --stream")
		}
		file, err := openRegular(args[0])
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		return s.withControl(func(ctx context.Context, c *control.Control, _ []string) error {
			done, err := s.send(ctx, c, acmesync.TenantID(tenant), acmesync.Stream(stream), file, again)
			if err != nil {
				return err
			}
			if err := s.show(done, func(w *tabwriter.Writer) {
				line(w, string(done.State), fmt.Sprintf("%d rows", done.Rows), fmt.Sprintf("%d of them parked", done.BadRows), done.Message)
			}); err != nil {
				return err
			}
			if done.State != acmesync.ImportComplete && done.State != acmesync.ImportDuplicate {
				return fmt.Errorf("the file is %s: %s", done.State, done.Message)
			}
			return nil
		})(c, args)
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "whose records they are")
	cmd.Flags().StringVar(&stream, "stream", "", "appointments, touchpoints, contacts or users")
	cmd.Flags().BoolVar(&again, "again", false, "take it although the same content was taken before")
	return cmd
}

func openRegular(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open the file: %s is no regular file", name)
	}
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("open the file: %s is empty", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// send finds or begins the import and brings it to its end, waiting wherever the inbox is full.
func (s *session) send(ctx context.Context, c *control.Control, tenant acmesync.TenantID, stream acmesync.Stream, file *os.File, again bool) (acmesync.Import, error) {
	info, err := file.Stat()
	if err != nil {
		return acmesync.Import{}, fmt.Errorf("look at the file: %w", err)
	}
	sum, err := digestOf(ctx, file)
	if err != nil {
		return acmesync.Import{}, err
	}
	i, err := c.Unfinished(ctx, tenant, stream, sum)
	if errors.Is(err, acmesync.ErrNotFound) {
		i, err = c.OpenImport(ctx, tenant, control.NewImport{
			Stream: stream, Name: filepath.Base(file.Name()), Size: info.Size(), SHA256: sum, Again: again,
		}, actor())
	}
	if err != nil {
		return i, err
	}
	bar := newBar(s.errs, info.Size())
	defer bar.end()
	for i.State == acmesync.ImportReceiving {
		if _, err := file.Seek(i.Offset, io.SeekStart); err != nil {
			return i, fmt.Errorf("read the file: %w", err)
		}
		bar.show(i)
		after, err := c.Receive(ctx, tenant, i.ID, i.Offset, file, bar.show)
		var full *control.Backlogged
		var elsewhere *acmesync.WrongOffset
		switch {
		case errors.As(err, &full):
			bar.wait("waiting for the app to take what is there")
			if err := pause(ctx, full.RetryAfter); err != nil {
				return after, err
			}
		case errors.As(err, &elsewhere): // another call is sending the same file
			after.Offset = elsewhere.Offset
			if err := pause(ctx, time.Second); err != nil {
				return after, err
			}
		case err != nil:
			return after, err
		case after.State == acmesync.ImportReceiving && after.Offset == i.Offset:
			return after, errors.New("read the file: it has become shorter")
		}
		i = after
	}
	bar.show(i)
	return i, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func digestOf(ctx context.Context, file *os.File) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, reading{ctx, file}); err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// reading ends when the call is broken off.
type reading struct {
	ctx context.Context //nolint:containedctx // io.Reader takes none
	in  io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}
