package acme

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a chunk: what is committed together.
const (
	ChunkRows  = 2000
	ChunkBytes = 4 << 20
)

// FileError says why a file cannot be read on, in a sentence for people. Rows before it stand.
type FileError struct {
	Line    int64
	Message string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// FileChunk is the rows that were read together, as items in the form of Acme's contract.
type FileChunk struct {
	Items []Item
	Place FilePlace // behind it
}

// FileReader reads rows from a place on. Its memory does not grow with the file.
type FileReader struct {
	unclosed int // rows in a row whose quote is never closed
	layout   *FileLayout
	place    FilePlace
	size     int64 // of the whole file
	in       io.Reader
	buf      []byte
	from     int // of buf, what was not taken yet
	read     int64
	over     bool // in has ended
	digest   hash.Hash
}

// Read begins to read a file at a place, from bytes that begin there and may end anywhere. The size is the whole file's.
func (l *FileLayout) Read(in io.Reader, at FilePlace, size int64) (*FileReader, error) {
	r := &FileReader{layout: l, place: at, size: size, in: in, read: at.Offset, digest: sha256.New()}
	r.place.Columns = slices.Clone(at.Columns)
	if len(at.Digest) > 0 {
		if err := r.restore(at.Digest); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// mostUnclosed bounds such rows: each of them is looked for to the bound of a row's size, so a file of nothing else would keep a reader
// busy for hours.
const mostUnclosed = 100

// Next reads the next chunk. io.EOF: the bytes have ended, and what follows the last place is no whole row. A *FileError: the
// file cannot be read on, whatever comes; the chunk beside it holds the rows before.
func (r *FileReader) Next() (FileChunk, error) {
	before := r.place.Offset
	chunk := FileChunk{}
	taken, made := 0, 0
	var failed error
	for len(chunk.Items) < ChunkRows && taken < ChunkBytes && made < ChunkBytes {
		at := r.place.Offset
		item, err := r.row()
		if err != nil {
			failed = err
			break
		}
		taken += int(r.place.Offset - at)
		if item != nil {
			made += len(item.Raw)
			chunk.Items = append(chunk.Items, *item)
		}
	}
	var err error
	if r.place.Digest, err = r.state(); err != nil {
		return chunk, err
	}
	chunk.Place = r.place
	if failed != nil && (r.place.Offset == before || !errors.Is(failed, io.EOF)) {
		return chunk, failed
	}
	return chunk, nil
}

// row reads one row; nil where it is none: a header, a trailer, an empty line.
func (r *FileReader) row() (*Item, error) {
	if r.place.Columns == nil {
		return nil, r.header()
	}
	row, err := r.scan()
	if err != nil {
		return nil, err
	}
	line := r.place.Line + 1
	if row.problem != unclosedQuote {
		r.unclosed = 0
	} else if r.unclosed++; r.unclosed > mostUnclosed {
		return nil, &FileError{Line: line, Message: "line after line has a quote that is never closed: write the file with its quotes in pairs"}
	}
	empty := row.problem == "" && !slices.ContainsFunc(row.cells, func(cell string) bool { return cell != "" })
	trailer := !empty && r.layout.trailer != "" && row.bare && len(row.cells) > 0 && row.cells[0] == r.layout.trailer
	switch {
	case r.place.Ended && !empty:
		return nil, &FileError{Line: line, Message: "rows follow behind the file's last row"}
	case empty:
		r.take(row)
		return nil, nil
	case trailer:
		r.place.Ended, r.place.Announced = true, counted(row.cells)
		r.take(row)
		return nil, nil
	}
	item := r.item(row, line)
	r.place.Rows++
	if item.ID == "" {
		r.place.Bad++
	}
	r.take(row)
	return &item, nil
}

func counted(cells []string) int64 {
	if len(cells) < 2 {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(cells[1]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// scan finds the next row, reading on as needed.
func (r *FileReader) scan() (csvRow, error) {
	delimiter := r.place.Delimiter[0]
	for {
		last := r.over && r.read >= r.size
		if r.from == len(r.buf) && r.over {
			return csvRow{}, io.EOF
		}
		row, state := scanRow(r.buf[r.from:], delimiter, last)
		switch state {
		case rowRead:
			return r.atEnd(row)
		case tooLong:
			return r.skip(row)
		case moreData:
		}
		if r.over {
			return csvRow{}, io.EOF
		}
		if err := r.fill(); err != nil {
			return csvRow{}, err
		}
	}
}

// atEnd judges the row that the file ends with. Where a trailer is promised, a last row without its line end is not known to be
// whole; where none is, it is one with all its cells.
func (r *FileReader) atEnd(row csvRow) (csvRow, error) {
	end := r.read >= r.size && r.over && r.from+row.size == len(r.buf) && row.size == len(row.text)
	switch {
	case row.open && r.layout.trailer != "" && !r.trails(), end && r.unfinished(row):
		r.place.Cut = true
		return csvRow{}, io.EOF
	}
	return row, nil
}

func (r *FileReader) unfinished(row csvRow) bool {
	if r.layout.trailer != "" {
		return len(row.cells) == 0 || row.cells[0] != r.layout.trailer || row.problem != ""
	}
	return row.problem != "" || len(row.cells) != len(r.place.Columns)
}

// trails tells whether the file's last line is its trailer: then a quote that is open at the end was opened by mistake, and the
// file is whole.
func (r *FileReader) trails() bool {
	rest := bytes.TrimRight(r.buf[r.from:], "\r\n")
	line := rest[bytes.LastIndexAny(rest, "\r\n")+1:]
	return bytes.HasPrefix(line, append([]byte(r.layout.trailer), r.place.Delimiter...))
}

// skip leaves a line behind that is too long, keeping its beginning, however long it is.
func (r *FileReader) skip(row csvRow) (csvRow, error) {
	row.text = bytes.Clone(row.text)
	before, err := r.state()
	if err != nil {
		return csvRow{}, err
	}
	skipped := 0
	for {
		rest := r.buf[r.from:]
		if n := bytes.IndexAny(rest, "\n\r"); n >= 0 {
			if row.size = n + 1; rest[n] == '\r' && n+1 < len(rest) && rest[n+1] == '\n' {
				row.size++
			}
			r.place.Offset += int64(skipped) // what is left of it is taken with the row
			return row, nil
		}
		r.digest.Write(rest)
		skipped += len(rest)
		r.from = len(r.buf)
		if r.over {
			break
		}
		if err := r.fill(); err != nil {
			return csvRow{}, errors.Join(err, r.restore(before))
		}
	}
	if r.read < r.size {
		return csvRow{}, errors.Join(io.EOF, r.restore(before))
	}
	r.place.Cut = r.layout.trailer != ""
	r.place.Offset += int64(skipped)
	return row, nil
}

// state is the digest as it stands, to go on with later.
func (r *FileReader) state() ([]byte, error) {
	marshaler, ok := r.digest.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.New("the digest of a file cannot be kept")
	}
	state, err := marshaler.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("keep the digest of a file: %w", err)
	}
	return state, nil
}

func (r *FileReader) restore(state []byte) error {
	unmarshaler, ok := r.digest.(encoding.BinaryUnmarshaler)
	if !ok || unmarshaler.UnmarshalBinary(state) != nil {
		return errors.New("the place of a file cannot be read: its digest is broken")
	}
	return nil
}

// take leaves a row behind.
func (r *FileReader) take(row csvRow) {
	r.digest.Write(r.buf[r.from : r.from+row.size])
	r.from += row.size
	r.place.Offset += int64(row.size)
	r.place.Line += int64(row.lines)
}

const readAtOnce = 256 << 10

// fill reads on. What was taken makes room first.
func (r *FileReader) fill() error {
	if r.from > 0 && r.from >= len(r.buf)/2 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.from:])]
		r.from = 0
	}
	r.buf = slices.Grow(r.buf, readAtOnce)
	n, err := r.in.Read(r.buf[len(r.buf) : len(r.buf)+readAtOnce])
	r.buf = r.buf[:len(r.buf)+n]
	r.read += int64(n)
	if err != nil {
		r.over = true
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && r.from == len(r.buf) {
			return io.EOF // a connection that broke is bytes that have ended: what came stands
		}
	}
	return nil
}
