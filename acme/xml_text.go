package acme

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// openXML takes the byte order mark and the declaration off a document and gives the rest in UTF-8. Encodings go by the
// declaration; Latin-1, which is read as the Windows-1252 it mostly is, only where the profile says so.
func openXML(body []byte, latin1 bool) (data []byte, code string) {
	for _, wide := range []string{"\xfe\xff", "\xff\xfe", "\x00<", "<\x00", "\x00\x00\xfe\xff"} {
		if bytes.HasPrefix(body, []byte(wide)) {
			return nil, CodeEncoding
		}
	}
	body, marked := bytes.CutPrefix(body, []byte("\ufeff"))
	encoding, rest, ok := declaration(body)
	if !ok {
		return nil, CodeMalformedXML
	}
	switch string(bytes.ToLower(encoding)) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		if utf8.Valid(rest) {
			return rest, ""
		}
		if latin1 && len(encoding) == 0 && !marked {
			return fromLatin1(rest), ""
		}
	case "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252":
		if latin1 && !marked {
			return fromLatin1(rest), ""
		}
	}
	return nil, CodeEncoding
}

// declaration reads <?xml version="1.0" encoding="…" standalone="…"?>, which may be missing.
func declaration(body []byte) (encoding, rest []byte, ok bool) {
	if !bytes.HasPrefix(body, []byte("<?xml")) || len(body) > 5 && !isXMLSpace(body[5]) {
		return nil, body, true
	}
	end := bytes.Index(body[:min(len(body), 256)], []byte("?>"))
	if end < 0 {
		return nil, nil, false
	}
	versions, order := 0, 0
	s := xmlScanner{attributes: body[5:end]}
	ok = s.eachAttribute(func(name, value []byte) bool {
		before := order
		switch string(name) {
		case "version":
			versions, order = versions+1, 1
			return before == 0 && string(value) == "1.0"
		case "encoding":
			encoding, order = value, 2
		case "standalone":
			order = 3
		default:
			return false
		}
		return before < order && before > 0
	})
	return encoding, body[end+2:], ok && versions == 1
}

// windows1252 is what 0x80 to 0x9f stand for; what it leaves open stays the control character it is in Latin-1.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

func fromLatin1(body []byte) []byte {
	out := make([]byte, 0, len(body)+len(body)/8)
	for _, c := range body {
		switch {
		case c < 0x80:
			out = append(out, c)
		case c < 0xa0:
			out = utf8.AppendRune(out, windows1252[c-0x80])
		default:
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return out
}

// textOf resolves a text or an attribute's value. Line ends become line feeds, in attributes all white space a space.
func textOf(raw []byte, attribute bool) (text, code string) {
	plain := true
	for i, c := range raw {
		switch {
		case c == '&' || c == '\r' || attribute && (c == '\n' || c == '\t'):
			plain = false
		case c < 0x20 && c != '\n' && c != '\t':
			return "", CodeControlCharacter
		case c == 0xef && i+2 < len(raw) && raw[i+1] == 0xbf && raw[i+2] >= 0xbe:
			return "", CodeControlCharacter // U+FFFE, U+FFFF
		case c == '>' && !attribute && i >= 2 && raw[i-1] == ']' && raw[i-2] == ']':
			return "", CodeMalformedXML
		}
	}
	if plain {
		return string(raw), ""
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '&':
			end := bytes.IndexByte(raw[i:min(len(raw), i+16)], ';')
			if end < 0 {
				return "", CodeBadEntity
			}
			r, ok := entity(raw[i+1 : i+end])
			if !ok {
				return "", CodeBadEntity
			}
			out = utf8.AppendRune(out, r)
			i += end
		case c == '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			out = append(out, lineEnd(attribute))
		case attribute && (c == '\n' || c == '\t'):
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out), ""
}

func lineEnd(attribute bool) byte {
	if attribute {
		return ' '
	}
	return '\n'
}

// cdataOf is a CDATA section: only its line ends are resolved.
func cdataOf(raw []byte) (text, code string) {
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for i, c := range raw {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0xef && i+2 < len(raw) && raw[i+1] == 0xbf && raw[i+2] >= 0xbe {
			return "", CodeControlCharacter
		}
	}
	return string(raw), ""
}

// entity is one of the five, or a character by its number.
func entity(name []byte) (rune, bool) {
	switch string(name) {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	number, ok := bytes.CutPrefix(name, []byte("#"))
	base := 10
	if hex, isHex := bytes.CutPrefix(number, []byte("x")); isHex {
		number, base = hex, 16
	}
	if !ok || len(number) == 0 || number[0] == '+' || number[0] == '-' || number[0] == '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(number), base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) || n < 0x20 && n != '\t' && n != '\n' && n != '\r' || n == 0xfffe || n == 0xffff {
		return 0, false
	}
	return rune(n), true
}
