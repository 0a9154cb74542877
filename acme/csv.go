package acme

import (
	"bytes"
	"strings"
)

// Bounds of a CSV file. A row beyond them parks alone; a header beyond them is none.
const (
	MaxRowBytes = 1 << 20
	MaxColumns  = 1000

	keptOfLongRow = 64 << 10 // of a row that exceeds the bound
)

// csvRow is one row as it stands in a file. What is wrong with it is a sentence that quotes nothing of it.
type csvRow struct {
	cells   []string
	text    []byte // as it came, without its line end; a window on the buffer
	size    int    // with its line end
	lines   int
	problem string
	open    bool // the file ends inside of a quote
	bare    bool // its first cell is not quoted
}

// scanState is why no row could be read.
type scanState int

const (
	rowRead  scanState = iota
	moreData           // the row may go on behind the buffer
	tooLong            // no line end within the bound
)

const unclosedQuote = "a quote is opened and not closed"

// scanRow reads the row that data begins with, by RFC 4180 and nothing more lenient: what stands in a cell after its closing
// quote, or a quote inside a cell that has none around it, makes the row unreadable rather than somebody's guess. Lines end by
// LF, CRLF or CR. With last nothing follows the data.
//
// The standard library's reader is not used: a quote that is never closed makes it take the rest of the file, however large,
// for one cell, and it knows no bound.
func scanRow(data []byte, delimiter byte, last bool) (row csvRow, state scanState) {
	if n := bytes.IndexAny(data[:min(len(data), MaxRowBytes+2)], "\n\r"); n >= 0 && bytes.IndexByte(data[:n], '"') < 0 {
		return plainRow(data, n, delimiter, last)
	}
	var cell []byte
	pos, begun, quoted, closed := 0, false, false, false
	row.lines, row.bare = 1, len(data) == 0 || data[0] != '"'
	wrong := func(problem string) {
		if row.problem == "" {
			row.problem = problem
		}
	}
	for pos < len(data) {
		if pos > MaxRowBytes {
			return cutRow(data, quoted)
		}
		c := data[pos]
		switch {
		case quoted:
			pos++
			if c != '"' {
				if c == '\n' || c == '\r' && (pos == len(data) || data[pos] != '\n') {
					row.lines++
				}
				cell = append(cell, c)
				continue
			}
			if pos == len(data) && !last {
				return row, moreData // a second quote may follow
			}
			if pos < len(data) && data[pos] == '"' {
				cell = append(cell, '"')
				pos++
				continue
			}
			quoted, closed = false, true
		case c == '\n' || c == '\r':
			if c == '\r' && pos+1 == len(data) && !last {
				return row, moreData
			}
			row.text = data[:pos]
			pos++
			if c == '\r' && pos < len(data) && data[pos] == '\n' {
				pos++
			}
			row.cells, row.size = append(row.cells, string(cell)), pos
			return row, rowRead
		case c == delimiter:
			row.cells, cell = append(row.cells, string(cell)), cell[:0]
			begun, closed = false, false
			pos++
			if len(row.cells) > MaxColumns {
				wrong("it has more than 1,000 columns")
				row.cells = row.cells[:MaxColumns]
			}
		case c == '"' && !begun && !closed:
			quoted = true
			begun = true
			pos++
		default:
			if c == '"' {
				wrong("a quote stands inside a cell that is not quoted")
			} else if closed {
				wrong("something follows a closing quote")
			}
			begun = true
			cell = append(cell, c)
			pos++
		}
	}
	switch {
	case pos > MaxRowBytes:
		return cutRow(data, quoted)
	case !last:
		return row, moreData
	case quoted:
		row, state = cutRow(data, true)
		row.open = true
		return row, state
	}
	row.text, row.size, row.cells = data, len(data), append(row.cells, string(cell))
	return row, rowRead
}

// plainRow is a row without any quote, whose line ends at n: the most rows of most files.
func plainRow(data []byte, n int, delimiter byte, last bool) (csvRow, scanState) {
	row := csvRow{text: data[:n], size: n + 1, lines: 1, bare: true}
	if data[n] == '\r' {
		if n+1 == len(data) && !last {
			return row, moreData
		}
		if n+1 < len(data) && data[n+1] == '\n' {
			row.size++
		}
	}
	if n > MaxRowBytes {
		return cutRow(data, false)
	}
	row.cells = strings.Split(string(row.text), string(delimiter))
	if len(row.cells) > MaxColumns {
		row.cells, row.problem = row.cells[:MaxColumns], "it has more than 1,000 columns"
	}
	return row, rowRead
}

// cutRow gives up on a row: of one whose quote is not closed only the first line is lost, and the lines behind it are rows
// again. A line that is too long is tooLong: where it ends is not known yet.
func cutRow(data []byte, quoted bool) (csvRow, scanState) {
	row := csvRow{lines: 1, problem: unclosedQuote}
	if !quoted {
		row.problem = "it is larger than 1 MB"
	}
	n := bytes.IndexAny(data, "\n\r")
	if n < 0 && len(data) <= MaxRowBytes {
		row.text, row.size = data, len(data)
		return row, rowRead
	}
	if n < 0 || n > MaxRowBytes {
		row.text, row.problem = data[:keptOfLongRow], "it is larger than 1 MB"
		return row, tooLong
	}
	row.text, row.size = data[:n], n+1
	if data[n] == '\r' && n+1 < len(data) && data[n+1] == '\n' {
		row.size++
	}
	return row, rowRead
}

// delimiterOf is what a header line has most of outside of quotes; whole tells whether its end is there.
func delimiterOf(line []byte) (delimiter byte, whole bool) {
	counts := map[byte]int{}
	quoted := false
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '\n' || c == '\r'):
			return most(counts), true
		case !quoted:
			counts[c]++
		}
	}
	return most(counts), false
}

func most(counts map[byte]int) byte {
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// windowsOf are the characters that Windows has where Latin-1 has control characters: what calls itself Latin-1 has them too.
var windowsOf = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// latin1 turns a cell into UTF-8; ok is false for a byte that is no character.
func latin1(cell string) (text string, ok bool) {
	plain := true
	for i := range len(cell) {
		plain = plain && cell[i] < 0x80
	}
	if plain {
		return cell, true
	}
	var b strings.Builder
	b.Grow(len(cell) + 8)
	for i := range len(cell) {
		r := rune(cell[i])
		if r >= 0x80 && r < 0xa0 {
			if r = windowsOf[r-0x80]; r == 0 {
				return "", false
			}
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
