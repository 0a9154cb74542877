package acme

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ProfileProblem is one fault of a profile: where, what, and what to do about it.
type ProfileProblem struct {
	Pointer string // RFC 6901, from the profile's own root on: "/appointments/paging/style"
	Message string
	Hint    string // empty: the message says it all
}

// maxProfileBytes bounds a profile's document.
const maxProfileBytes = 64 << 10

// ParseProfile reads a profile's document and tells all that is wrong with it at once. An empty one, and null, are Acme's
// own. A profile with problems must not be used.
func ParseProfile(raw []byte) (Profile, []ProfileProblem) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return Profile{}, nil
	}
	if len(raw) > maxProfileBytes {
		return Profile{}, []ProfileProblem{{Message: fmt.Sprintf("is larger than %d bytes", maxProfileBytes)}}
	}
	s := scanner{data: raw, limit: maxRecordDepth}
	var value any
	ok := utf8.Valid(raw)
	if ok {
		value, ok = s.tree()
	}
	if !ok || !s.end() {
		return Profile{}, []ProfileProblem{{Message: "is no JSON", Hint: "look near byte " + strconv.Itoa(s.pos)}}
	}
	c := &profileCheck{}
	c.typed("", value, reflect.TypeFor[Profile]())
	if len(c.problems) > 0 {
		return Profile{}, c.problems
	}
	p := Profile{streams: map[Resource]*dialect{}}
	root, _ := value.(map[string]any)
	c.xml = root["format"] == FormatXML
	for _, r := range []Resource{Appointments, Touchpoints, Contacts, Users} {
		switch {
		case root[string(r)] != nil && c.xml:
			*p.shape(r) = ownXML(r)
		case root[string(r)] != nil:
			*p.shape(r) = own(r)
		}
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return Profile{}, []ProfileProblem{{Message: "cannot be read: " + printable(err.Error(), 200)}}
	}
	c.profile(&p)
	if len(c.problems) > 0 {
		return Profile{}, c.problems
	}
	return p, nil
}

// profileCheck gathers what is wrong.
type profileCheck struct {
	problems []ProfileProblem
	xml      bool // what is described is XML
}

func (c *profileCheck) add(pointer, message, hint string) {
	c.problems = append(c.problems, ProfileProblem{Pointer: pointer, Message: message, Hint: hint})
}

// typed holds a document against the type it is to become: unknown names, and values of the wrong kind.
func (c *profileCheck) typed(at string, value any, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		if value != nil {
			c.typed(at, value, t.Elem())
		}
		return
	}
	switch t {
	case reflect.TypeFor[Source]():
		if _, isObject := value.(map[string]any); !isObject {
			if value != nil {
				c.typed(at, value, reflect.TypeFor[Paths]())
			}
			return
		}
	case reflect.TypeFor[Paths]():
		if _, isText := value.(string); isText {
			return
		}
		c.list(at, value)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.object(at, value, t)
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			c.add(at, "must be an object", "")
			return
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if t.Elem().Kind() != reflect.Interface {
				c.typed(at+"/"+pointerPart(name), object[name], t.Elem())
			}
		}
	case reflect.String:
		if _, ok := value.(string); !ok {
			c.add(at, "must be a text", "")
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			c.add(at, "must be true or false", "")
		}
	default:
		number, _ := value.(json.Number)
		if n, err := strconv.Atoi(number.String()); err != nil || n < 0 || n > 1_000_000 {
			c.add(at, "must be a whole number from 0 to 1,000,000", "")
		}
	}
}

func (c *profileCheck) list(at string, value any) {
	list, ok := value.([]any)
	if !ok {
		c.add(at, "must be a path, or a list of paths", `such as "properties.subject"`)
		return
	}
	for i, one := range list {
		if _, isText := one.(string); !isText {
			c.add(at+"/"+strconv.Itoa(i), "must be a path", "")
		}
	}
}

func (c *profileCheck) object(at string, value any, t reflect.Type) {
	object, ok := value.(map[string]any)
	if !ok {
		c.add(at, "must be an object", "")
		return
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			known[name] = t.Field(i).Type
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field, found := known[name]
		if !found {
			c.add(at+"/"+pointerPart(name), "is not known here", meant(name, slices.Sorted(maps.Keys(known))))
			continue
		}
		c.typed(at+"/"+pointerPart(name), object[name], field)
	}
}

func pointerPart(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// meant suggests the name that is closest to the one given, or lists those there are.
func meant(name string, known []string) string {
	best, least := "", len(name)/2+1
	for _, one := range known {
		if d := distance(strings.ToLower(name), one); d < least {
			best, least = one, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "one of " + strings.Join(known, ", ")
}

// distance is how many letters have to change to make one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, corner := i+1, i
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j], left = left, min(cost, left+1, corner+1)
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
