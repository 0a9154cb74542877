package acme

import "bytes"

// xmlToken is what xmlScanner has just read.
type xmlToken int

const (
	xmlBroken xmlToken = iota // no well-formed document; code may say why
	xmlStart
	xmlEnd
	xmlChars
	xmlDone // the root is closed and nothing follows
)

// xmlScanner reads the structure of one XML 1.0 document, token by token, without looking into texts and values: those are
// windows on the data. It exists because the standard decoder makes all attributes of a tag before anybody can count them,
// takes the same attribute twice, and is at its end at the first unknown entity, so that one bad record costs its page; and
// because it takes ten times as long. What this one accepts, the standard one accepts too.
//
// There is no DOCTYPE, so there are no entities but the five; no processing instruction but the declaration, which
// openXML takes off. The input must be valid UTF-8.
type xmlScanner struct {
	data []byte
	pos  int
	from int      // where the token began
	open [][]byte // names of the elements that are open, the root first
	code string

	name       []byte // of a start: prefix and all
	attributes []byte // of a start: as they stand in the tag
	text       []byte // of chars
	cdata      bool   // of chars: nothing in it is to be resolved

	closing, rooted bool
}

// next reads a token. An empty element is a start and an end.
func (s *xmlScanner) next() xmlToken {
	if s.closing {
		s.closing = false
		return s.close()
	}
	for s.pos < len(s.data) {
		s.from = s.pos
		if s.data[s.pos] != '<' {
			if token := s.chars(); token != xmlDone {
				return token
			}
			continue
		}
		switch rest := s.data[s.pos:]; {
		case bytes.HasPrefix(rest, []byte("<!--")):
			if !s.comment(rest) {
				return xmlBroken
			}
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			end := bytes.Index(rest, []byte("]]>"))
			if end < 0 || len(s.open) == 0 {
				return xmlBroken
			}
			s.text, s.cdata, s.pos = rest[9:end], true, s.pos+end+3
			return xmlChars
		case bytes.HasPrefix(rest, []byte("<!")):
			s.code = CodeDoctype
			return xmlBroken
		case bytes.HasPrefix(rest, []byte("<?")):
			s.code = CodeInstruction
			return xmlBroken
		case bytes.HasPrefix(rest, []byte("</")):
			return s.endTag()
		default:
			return s.startTag()
		}
	}
	if len(s.open) > 0 || !s.rooted {
		return xmlBroken
	}
	return xmlDone
}

// chars reads up to the next tag; outside of the root only white space may stand, which is no token.
func (s *xmlScanner) chars() xmlToken {
	end := bytes.IndexByte(s.data[s.pos:], '<')
	if end < 0 {
		end = len(s.data) - s.pos
	}
	s.text, s.cdata = s.data[s.pos:s.pos+end], false
	s.pos += end
	if len(s.open) > 0 {
		return xmlChars
	}
	if !blank(s.text) {
		return xmlBroken
	}
	return xmlDone
}

func (s *xmlScanner) comment(rest []byte) bool {
	end := bytes.Index(rest[4:], []byte("--"))
	if end < 0 || !bytes.HasPrefix(rest[4+end:], []byte("-->")) {
		return false
	}
	s.pos += 4 + end + 3
	return true
}

func (s *xmlScanner) endTag() xmlToken {
	s.pos += 2
	name, ok := s.readName()
	s.space()
	if !ok || s.pos >= len(s.data) || s.data[s.pos] != '>' || len(s.open) == 0 || !bytes.Equal(name, s.open[len(s.open)-1]) {
		return xmlBroken
	}
	s.pos++
	return s.close()
}

func (s *xmlScanner) close() xmlToken {
	s.open = s.open[:len(s.open)-1]
	return xmlEnd
}

func (s *xmlScanner) startTag() xmlToken {
	if len(s.open) == 0 && s.rooted || len(s.open) >= maxPageDepth {
		return xmlBroken
	}
	s.pos++
	name, ok := s.readName()
	if !ok {
		return xmlBroken
	}
	from := s.pos
	for {
		apart := s.space()
		if s.pos >= len(s.data) {
			return xmlBroken
		}
		switch c := s.data[s.pos]; {
		case c == '>' || c == '/' && s.pos+1 < len(s.data) && s.data[s.pos+1] == '>':
			s.name, s.attributes, s.closing = name, s.data[from:s.pos], c == '/'
			if s.pos++; s.closing {
				s.pos++
			}
			s.open, s.rooted = append(s.open, name), true
			return xmlStart
		case !apart:
			return xmlBroken
		}
		if _, _, ok := s.attribute(); !ok {
			return xmlBroken
		}
	}
}

// attribute reads name="value" at pos.
func (s *xmlScanner) attribute() (name, value []byte, ok bool) {
	if name, ok = s.readName(); !ok {
		return nil, nil, false
	}
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '=' {
		return nil, nil, false
	}
	s.pos++
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '"' && s.data[s.pos] != '\'' {
		return nil, nil, false
	}
	end := bytes.IndexByte(s.data[s.pos+1:], s.data[s.pos])
	if end < 0 {
		return nil, nil, false
	}
	value = s.data[s.pos+1 : s.pos+1+end]
	s.pos += end + 2
	return name, value, bytes.IndexByte(value, '<') < 0
}

// eachAttribute gives the attributes of the start that was just read; do ends it with false.
func (s *xmlScanner) eachAttribute(do func(name, value []byte) bool) bool {
	one := xmlScanner{data: s.attributes}
	for one.space(); one.pos < len(one.data); one.space() {
		name, value, ok := one.attribute()
		if !ok || !do(name, value) {
			return false
		}
	}
	return true
}

// space skips white space and tells whether there was any.
func (s *xmlScanner) space() bool {
	from := s.pos
	for s.pos < len(s.data) && isXMLSpace(s.data[s.pos]) {
		s.pos++
	}
	return s.pos > from
}

// readName reads a name with at most one prefix. Which letters beyond ASCII may stand in one is not looked at.
func (s *xmlScanner) readName() ([]byte, bool) {
	from, colon := s.pos, -1
	for ; s.pos < len(s.data); s.pos++ {
		c := s.data[s.pos]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
			continue
		case c >= '0' && c <= '9', c == '-', c == '.':
			if s.pos > from && s.pos != colon+1 {
				continue
			}
			return nil, false
		case c == ':' && colon < 0 && s.pos > from:
			colon = s.pos
			continue
		}
		break
	}
	name := s.data[from:s.pos:s.pos]
	return name, len(name) > 0 && s.pos != colon+1
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func blank(text []byte) bool {
	for _, c := range text {
		if !isXMLSpace(c) {
			return false
		}
	}
	return true
}

// prefixOf and localName take a name apart.
func prefixOf(name []byte) []byte {
	before, _, found := bytes.Cut(name, []byte{':'})
	if !found {
		return nil
	}
	return before
}

func localName(name []byte) []byte {
	if _, after, found := bytes.Cut(name, []byte{':'}); found {
		return after
	}
	return name
}
