package acme

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// sniffed is how much of a file tells what it is.
const sniffed = 4

// foreign tells by its first bytes what is no CSV file at all.
func foreign(head []byte) string {
	for _, known := range []struct{ begins, message string }{
		{"\xfe\xff", utf16Refused}, {"\xff\xfe", utf16Refused},
		{"PK\x03\x04", "this is a ZIP archive or a workbook: export it as CSV in UTF-8"},
		{"\x1f\x8b", "this is packed by gzip: unpack it first"},
		{"%PDF", "this is a PDF: export it as CSV in UTF-8"},
	} {
		if bytes.HasPrefix(head, []byte(known.begins)) {
			return known.message
		}
	}
	if len(head) > 1 && (head[0] == 0 || head[1] == 0) {
		return utf16Refused
	}
	switch first := bytes.TrimLeft(head, " \t\r\n"); {
	case len(first) > 0 && (first[0] == '{' || first[0] == '['):
		return "this is JSON: a file has to be CSV"
	case len(first) > 0 && first[0] == '<':
		return "this is XML or a web page: a file has to be CSV"
	}
	return ""
}

const utf16Refused = "this is UTF-16: save it as UTF-8, which spreadsheets call \"CSV UTF-8\", and send it again"

// header reads the line that names the columns.
func (r *FileReader) header() error {
	for !r.over && len(r.buf) < sniffed {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if len(r.buf) < sniffed && r.read < r.size {
		return io.EOF
	}
	if message := foreign(r.buf); message != "" && r.place.Offset == 0 {
		return &FileError{Line: 1, Message: message}
	}
	if r.place.Offset == 0 && bytes.HasPrefix(r.buf, []byte("\xef\xbb\xbf")) {
		r.place.Marked = true
		r.take(csvRow{size: 3})
	}
	row, err := r.firstRow()
	if err != nil {
		if !errors.Is(err, io.EOF) || r.read < r.size {
			r.rewind()
		}
		return err
	}
	if err := r.name(row); err != nil {
		return err
	}
	r.take(row)
	return nil
}

// rewind forgets a byte order mark: what follows it has not come yet.
func (r *FileReader) rewind() {
	if r.place.Marked {
		r.place.Marked, r.place.Offset = false, 0
		r.digest.Reset()
	}
}

func (r *FileReader) firstRow() (csvRow, error) {
	if r.layout.delimiter != 0 {
		r.place.Delimiter = string(r.layout.delimiter)
		return r.longHeader(r.scan())
	}
	for {
		rest := r.buf[r.from:]
		delimiter, whole := delimiterOf(rest[:min(len(rest), MaxRowBytes)])
		if whole || len(rest) >= MaxRowBytes || r.over && r.read >= r.size {
			r.place.Delimiter = string(delimiter)
			break
		}
		if r.over {
			return csvRow{}, io.EOF
		}
		if err := r.fill(); err != nil {
			return csvRow{}, err
		}
	}
	return r.longHeader(r.scan())
}

func (r *FileReader) longHeader(row csvRow, err error) (csvRow, error) {
	if err == nil && row.problem != "" {
		return row, &FileError{Line: 1, Message: "the header line cannot be read: " + row.problem}
	}
	return row, err
}

// name takes the names of columns, and wants those that every record needs.
func (r *FileReader) name(row csvRow) error {
	refuse := func(format string, args ...any) error {
		return &FileError{Line: 1, Message: fmt.Sprintf(format, args...)}
	}
	columns := make([]string, len(row.cells))
	seen := map[string]int{}
	for i, cell := range row.cells {
		if r.layout.latin1 && !r.place.Marked {
			cell, _ = latin1(cell)
		}
		name := strings.TrimSpace(cell)
		switch {
		case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
			return refuse("the name of column %d is not in the file's encoding", i+1)
		case name == "":
			return refuse("column %d has no name", i+1)
		case len(name) > 200:
			return refuse("the name of column %d is longer than 200 bytes", i+1)
		case seen[name] > 0:
			return refuse("columns %d and %d have the same name", seen[name], i+1)
		}
		columns[i], seen[name] = name, i+1
	}
	for _, field := range []string{"id", "updated_at"} {
		if wanted := r.layout.keys[field]; !slices.ContainsFunc(wanted, func(c string) bool { return seen[c] > 0 }) {
			return refuse("there is no column %s, which has to hold %s: the first line has to name the columns, as the profile's files or Acme's own exports do",
				strings.Join(wanted, " or "), field)
		}
	}
	r.place.Columns = columns
	return nil
}
