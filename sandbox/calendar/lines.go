package calendar

import (
	"bufio"
	"errors"
	"io"
)

// lineReader reads lines of any length.
type lineReader struct {
	in   *bufio.Reader
	long []byte
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 1<<20)}
}

// next returns a line with its end, valid until the following call. A last line without an end is
// not a line: io.EOF.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.in.ReadSlice('\n')
		l.long = append(l.long, line...)
	}
	return l.long, err
}

// atEnd tells whether nothing whole follows.
func (l *lineReader) atEnd() bool {
	_, err := l.in.Peek(1)
	return err != nil
}
