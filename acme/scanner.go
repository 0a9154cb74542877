package acme

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxRecordDepth = 64     // of what a decoder reads
	maxPageDepth   = 10_000 // of what a page may hold: a deep record must not cost its neighbours
)

// scanner reads one JSON text by RFC 8259 and nothing more lenient. It exists because the standard decoder folds
// case, lets the last of two equal keys win and replaces broken text silently, and takes six times as long.
// The input must be valid UTF-8. Every method leaves pos behind what it read and returns false once anything failed;
// code and path then say what and where.
type scanner struct {
	data  []byte
	pos   int
	depth int
	limit int

	seen uint64 // known keys met in the current object, a bit each
	code string
	path string
}

func (s *scanner) fail(code string) bool {
	if s.code == "" {
		s.code = code
	}
	return false
}

// peek skips white space and gives the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// end wants nothing but white space behind the text.
func (s *scanner) end() bool {
	if s.peek() != 0 || s.pos < len(s.data) {
		return s.fail(CodeMalformedJSON)
	}
	return true
}

// object calls field for each key, with pos at the value, which field has to read.
func (s *scanner) object(field func(key []byte) bool) bool {
	if s.peek() != '{' {
		return s.fail(CodeWrongType)
	}
	s.pos++
	if s.depth++; s.depth > s.limit {
		return s.fail(CodeTooDeep)
	}
	outer := s.seen
	s.seen = 0
	if s.peek() == '}' {
		s.pos++
		s.depth--
		s.seen = outer
		return true
	}
	for {
		if s.peek() != '"' {
			return s.fail(CodeMalformedJSON)
		}
		key, escaped, ok := s.str()
		if !ok {
			return false
		}
		if escaped {
			// A key that can't be unescaped equals no known one.
			if plain, ok := unescape(key); ok {
				key = plain
			}
		}
		if s.peek() != ':' {
			return s.fail(CodeMalformedJSON)
		}
		s.pos++
		s.peek()
		if !field(key) {
			s.within(printable(string(key[:min(len(key), 256)]), 64))
			return false
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.depth--
			s.seen = outer
			return true
		default:
			return s.fail(CodeMalformedJSON)
		}
	}
}

// array calls elem for each element, with pos at it, which elem has to read.
func (s *scanner) array(elem func(i int) bool) bool {
	if s.peek() != '[' {
		return s.fail(CodeWrongType)
	}
	s.pos++
	if s.depth++; s.depth > s.limit {
		return s.fail(CodeTooDeep)
	}
	if s.peek() == ']' {
		s.pos++
		s.depth--
		return true
	}
	for i := 0; ; i++ {
		s.peek()
		if !elem(i) {
			s.within("[" + strconv.Itoa(i) + "]")
			return false
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			s.depth--
			return true
		default:
			return s.fail(CodeMalformedJSON)
		}
	}
}

// within puts a step in front of the path of what failed: subject, start.date, contact_ids[3].
func (s *scanner) within(step string) {
	switch {
	case s.path == "":
		s.path = step
	case len(s.path) > 200: // deep rubbish needs no exact address
	case s.path[0] == '[':
		s.path = step + s.path
	default:
		s.path = step + "." + s.path
	}
}

// skip reads a value of any kind. It recurses through plain methods, not closures: most of a page passes here.
func (s *scanner) skip() bool {
	switch c := s.peek(); {
	case c == '"':
		_, _, ok := s.str()
		return ok
	case c == '{':
		return s.skipObject()
	case c == '[':
		return s.skipArray()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return s.fail(CodeMalformedJSON)
	}
}

func (s *scanner) skipObject() bool {
	s.pos++
	if s.depth++; s.depth > s.limit {
		return s.fail(CodeTooDeep)
	}
	if s.peek() == '}' {
		s.pos++
		s.depth--
		return true
	}
	for {
		if s.peek() != '"' {
			return s.fail(CodeMalformedJSON)
		}
		if _, _, ok := s.str(); !ok {
			return false
		}
		if s.peek() != ':' {
			return s.fail(CodeMalformedJSON)
		}
		s.pos++
		if !s.skip() {
			return false
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.depth--
			return true
		default:
			return s.fail(CodeMalformedJSON)
		}
	}
}

func (s *scanner) skipArray() bool {
	s.pos++
	if s.depth++; s.depth > s.limit {
		return s.fail(CodeTooDeep)
	}
	if s.peek() == ']' {
		s.pos++
		s.depth--
		return true
	}
	for {
		if !s.skip() {
			return false
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			s.depth--
			return true
		default:
			return s.fail(CodeMalformedJSON)
		}
	}
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return s.fail(CodeMalformedJSON)
	}
	s.pos += len(word)
	return true
}

func (s *scanner) number() bool {
	if s.data[s.pos] == '-' {
		s.pos++
	}
	first := s.pos
	if !s.digits() || s.data[first] == '0' && s.pos > first+1 {
		return s.fail(CodeMalformedJSON)
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return s.fail(CodeMalformedJSON)
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return s.fail(CodeMalformedJSON)
		}
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos > from
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str reads a string at its quote and gives what stands between the quotes, with its escapes checked but in place.
func (s *scanner) str() (raw []byte, escaped, ok bool) {
	data := s.data
	from := s.pos + 1
	p := from
	for {
		// Eight bytes at a time up to the next quote, backslash or control character.
		for p+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[p:])
			quote := w ^ ones*'"'
			slash := w ^ ones*'\\'
			hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
			if hit != 0 {
				p += bits.TrailingZeros64(hit) / 8
				break
			}
			p += 8
		}
		if p >= len(data) {
			return nil, false, s.fail(CodeMalformedJSON)
		}
		switch c := data[p]; {
		case c == '"':
			s.pos = p + 1
			return data[from:p:p], escaped, true
		case c == '\\':
			escaped = true
			if p+1 >= len(data) {
				return nil, false, s.fail(CodeMalformedJSON)
			}
			switch data[p+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				p += 2
			case 'u':
				if _, ok := hex4(data, p+2); !ok {
					return nil, false, s.fail(CodeMalformedJSON)
				}
				p += 6
			default:
				return nil, false, s.fail(CodeMalformedJSON)
			}
		case c < 0x20:
			return nil, false, s.fail(CodeMalformedJSON)
		default:
			p++
		}
	}
}

func hex4(data []byte, at int) (r rune, ok bool) {
	if at+4 > len(data) {
		return 0, false
	}
	for _, c := range data[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape resolves checked escapes into new memory; half of a surrogate pair is no text.
func unescape(raw []byte) ([]byte, bool) {
	out := make([]byte, 0, len(raw))
	for p := 0; p < len(raw); {
		if raw[p] != '\\' {
			next := bytes.IndexByte(raw[p:], '\\')
			if next < 0 {
				next = len(raw) - p
			}
			out = append(out, raw[p:p+next]...)
			p += next
			continue
		}
		switch c := raw[p+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(raw, p+2)
			p += 4
			if utf16.IsSurrogate(r) {
				if p+8 > len(raw) || raw[p+2] != '\\' || raw[p+3] != 'u' {
					return nil, false
				}
				low, _ := hex4(raw, p+4)
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return nil, false
				}
				p += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		p += 2
	}
	return out, true
}
