package acme

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// tree reads any value as strictly as the decoders read a record: a key twice, or text that cannot be kept, fails.
// Objects are map[string]any, arrays []any, numbers json.Number.
func (s *scanner) tree() (value any, ok bool) {
	switch s.peek() {
	case '{':
		object := map[string]any{}
		ok = s.object(func(key []byte) bool {
			name := string(key)
			if _, twice := object[name]; twice {
				return s.fail(CodeDuplicateKey)
			}
			one, ok := s.tree()
			object[name] = one
			return ok
		})
		return object, ok
	case '[':
		list := []any{}
		ok = s.array(func(int) bool {
			one, ok := s.tree()
			list = append(list, one)
			return ok
		})
		return list, ok
	case '"':
		var text string
		ok = s.text(&text)
		return text, ok
	case 't', 'f':
		var yes bool
		ok = s.boolean(&yes)
		return yes, ok
	case 'n':
		return nil, s.literal("null")
	}
	from := s.pos
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		return nil, s.fail(CodeMalformedJSON)
	}
	if !s.number() {
		return nil, false
	}
	return json.Number(s.data[from:s.pos]), true
}

// path is a compiled place in a JSON document. The empty path is the document itself.
type path []step

type step struct {
	key   string
	index int  // 0: the value itself; -1: every element of the array it is; n: its n-th element
	lone  bool // what stands alone is an array of one: XML does not say which it is
}

// compilePath reads "a.b[].c" and "a[0]"; "." and "" are the document itself.
func compilePath(text string) (path, bool) {
	if text == "" || text == "." {
		return nil, true
	}
	if len(text) > 512 {
		return nil, false
	}
	var p path
	for part := range strings.SplitSeq(text, ".") {
		one := step{key: part}
		if before, inside, found := strings.Cut(part, "["); found {
			number, closed := strings.CutSuffix(inside, "]")
			n, err := strconv.Atoi(number)
			switch {
			case !closed, number != "" && (err != nil || n < 0 || n > 1000):
				return nil, false
			case number == "":
				one.index = -1
			default:
				one.index = n + 1
			}
			one.key = before
		}
		if one.key == "" && (one.index == 0 || len(p) > 0) {
			return nil, false
		}
		p = append(p, one)
	}
	return p, true
}

// collect gives every value at the path, in order; null and what is not there are none.
func (p path) collect(value any, into []any) []any {
	p.each(value, func(one any) bool {
		into = append(into, one)
		return true
	})
	return into
}

// first gives the first value at the path, nil where there is none.
func (p path) first(value any) (found any) {
	p.each(value, func(one any) bool {
		found = one
		return false
	})
	return found
}

// each hands over one value after another until do has had enough.
func (p path) each(value any, do func(one any) bool) bool {
	if len(p) == 0 {
		return value == nil || do(value)
	}
	at := p[0]
	if at.key != "" {
		object, _ := value.(map[string]any)
		value = object[at.key]
	}
	if at.index == 0 {
		return p[1:].each(value, do)
	}
	list, isList := value.([]any)
	if !isList && at.lone && value != nil {
		list = []any{value}
	}
	if at.index > 0 {
		return at.index > len(list) || p[1:].each(list[at.index-1], do)
	}
	for _, one := range list {
		if !p[1:].each(one, do) {
			return false
		}
	}
	return true
}

// remove takes what the path names out of a tree, and objects that are empty then.
func (p path) remove(value any) {
	object, ok := value.(map[string]any)
	if !ok || len(p) == 0 {
		return
	}
	inner, found := object[p[0].key]
	if !found {
		return
	}
	if len(p) == 1 {
		delete(object, p[0].key)
		return
	}
	switch p[0].index {
	case 0:
		p[1:].remove(inner)
	default:
		list, isList := inner.([]any)
		if !isList && p[0].lone {
			list = []any{inner}
		}
		for i, one := range list {
			if p[0].index == -1 || p[0].index == i+1 {
				p[1:].remove(one)
			}
		}
	}
	if empty(object[p[0].key]) {
		delete(object, p[0].key)
	}
}

// empty tells whether nothing is left in a value that can hold others.
func empty(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		for _, one := range v {
			if !empty(one) {
				return false
			}
		}
		return true
	}
	return false
}

// find gives the window on the value at a path of plain keys; nil: it is not there. The body must be valid UTF-8; ok is
// false where it is no JSON, or a key on the way is there twice.
func (p path) find(body []byte) (window []byte, ok bool) {
	s := scanner{data: bytes.TrimPrefix(body, []byte("\ufeff")), limit: maxPageDepth}
	if window, ok = s.find(p); !ok {
		return nil, false
	}
	return window, s.end()
}

func (s *scanner) find(p path) (window []byte, ok bool) {
	s.peek()
	from := s.pos
	if len(p) == 0 || s.peek() != '{' {
		ok = s.skip()
		if len(p) > 0 {
			return nil, ok
		}
		return s.data[from:s.pos:s.pos], ok
	}
	ok = s.object(func(key []byte) bool {
		if string(key) != p[0].key {
			return s.skip()
		}
		if !s.once(0) {
			return false
		}
		var inner bool
		window, inner = s.find(p[1:])
		return inner
	})
	return window, ok
}
