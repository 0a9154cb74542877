package acme

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxIDBytes bounds every id Acme gives; a longer one is no id.
const MaxIDBytes = 128

// once marks the n-th known key of the current object and refuses to meet it twice.
func (s *scanner) once(n uint) bool {
	if s.seen&(1<<n) != 0 {
		return s.fail(CodeDuplicateKey)
	}
	s.seen |= 1 << n
	return true
}

// null reads a null if one stands here. Every optional field treats it as absent.
func (s *scanner) null() bool {
	return s.pos < len(s.data) && s.data[s.pos] == 'n' && s.literal("null")
}

// mismatch reads the value that stands here, to tell broken JSON from a value of the wrong type.
func (s *scanner) mismatch() bool {
	if !s.skip() {
		return false
	}
	return s.fail(CodeWrongType)
}

// text reads a string whose every character can be kept: no half surrogate, no NUL, which Postgres can't hold.
func (s *scanner) text(dst *string) bool {
	if s.null() {
		return true
	}
	if s.peek() != '"' {
		return s.mismatch()
	}
	raw, escaped, ok := s.str()
	if !ok {
		return false
	}
	if escaped {
		if raw, ok = unescape(raw); !ok {
			return s.fail(CodeInvalidUTF8)
		}
		if bytes.IndexByte(raw, 0) >= 0 {
			return s.fail(CodeNulCharacter)
		}
	}
	*dst = string(raw)
	return true
}

// id reads a string that serves as a key; empty counts as absent.
func (s *scanner) id(dst *string) bool {
	if !s.text(dst) {
		return false
	}
	if *dst != "" && !usableID(*dst) {
		*dst = ""
		return s.fail(CodeBadID)
	}
	return true
}

// usableID tells whether an id can serve as a key everywhere it goes. Ids are compared byte by byte, never folded.
func usableID(id string) bool {
	if id == "" || len(id) > MaxIDBytes {
		return false
	}
	for i := range len(id) {
		if id[i] < 0x20 || id[i] == 0x7f {
			return false
		}
	}
	return true
}

func (s *scanner) texts(dst *[]string) bool {
	if s.null() {
		return true
	}
	if s.peek() != '[' {
		return s.mismatch()
	}
	return s.array(func(int) bool {
		var v string
		if s.peek() != '"' {
			return s.mismatch()
		}
		if !s.text(&v) {
			return false
		}
		*dst = append(*dst, v)
		return true
	})
}

func (s *scanner) ids(dst *[]string) bool {
	if s.null() {
		return true
	}
	if s.peek() != '[' {
		return s.mismatch()
	}
	return s.array(func(int) bool {
		var v string
		if s.peek() != '"' {
			return s.mismatch()
		}
		if !s.id(&v) {
			return false
		}
		if v == "" {
			return s.fail(CodeBadID)
		}
		*dst = append(*dst, v)
		return true
	})
}

// integer reads a whole number written without fraction or exponent; -0 is 0.
func (s *scanner) integer(dst *int64) bool {
	if s.null() {
		return true
	}
	c := s.peek()
	if c != '-' && (c < '0' || c > '9') {
		return s.mismatch()
	}
	from := s.pos
	if !s.number() {
		return false
	}
	n, err := strconv.ParseInt(string(s.data[from:s.pos]), 10, 64)
	if err != nil {
		return s.fail(CodeNumberRange)
	}
	*dst = n
	return true
}

func (s *scanner) boolean(dst *bool) bool {
	switch s.peek() {
	case 'n':
		return s.literal("null")
	case 't':
		*dst = true
		return s.literal("true")
	case 'f':
		*dst = false
		return s.literal("false")
	}
	return s.mismatch()
}

// instant reads an RFC 3339 time into UTC and leaves dst alone at a null.
func (s *scanner) instant(dst *time.Time) bool {
	if s.null() {
		return true
	}
	if s.peek() != '"' {
		return s.mismatch()
	}
	raw, escaped, ok := s.str()
	if !ok {
		return false
	}
	if escaped {
		if raw, ok = unescape(raw); !ok {
			return s.fail(CodeInvalidUTF8)
		}
	}
	t, ok := parseInstant(raw)
	if !ok {
		return s.fail(CodeBadTime)
	}
	*dst = t
	return true
}

func (s *scanner) optionalInstant(dst **time.Time) bool {
	if s.null() {
		return true
	}
	var t time.Time
	if !s.instant(&t) {
		return false
	}
	*dst = &t
	return true
}

// parseInstant accepts what RFC 3339 does and Go doesn't: lower-case t and z, and a leap second, which is read as the
// second after it; and refuses what Go does and RFC 3339 doesn't: a decimal comma.
func parseInstant(raw []byte) (time.Time, bool) {
	var t time.Time
	if bytes.IndexByte(raw, ',') >= 0 {
		return t, false
	}
	if t.UnmarshalText(raw) == nil {
		return t.UTC(), true
	}
	if len(raw) < 20 || len(raw) > 64 || !utf8.Valid(raw) {
		return time.Time{}, false
	}
	upper := bytes.ToUpper(raw)
	if len(upper) != len(raw) {
		return time.Time{}, false
	}
	leap := upper[17] == '6' && upper[18] == '0'
	if leap {
		upper[17], upper[18] = '5', '9'
	}
	if t.UnmarshalText(upper) != nil {
		return time.Time{}, false
	}
	if leap {
		t = t.Add(time.Second)
	}
	return t.UTC(), true
}
