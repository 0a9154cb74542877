package drift

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"acmesync/acme"
)

// Sample counts what some records hold. It is not safe for concurrent use.
type Sample struct {
	Resource acme.Resource
	Records  int
	// Misshaped counts records that are no JSON object at all.
	Misshaped int

	contract  *object
	counts    map[string]*Count
	strangers []string       // paths that the contract does not have
	custom    map[string]int // path below custom → records
	zones     map[string]int
}

// Count is what was seen of one field.
type Count struct {
	Field   *Field // nil: the contract does not have it
	Of      int    // how many objects or lists could have held it
	Present int    // neither left out nor null
	Null    int
	Empty   int // of those present: a text or a list of nothing
	// Types counts JSON types of what was present; Wrong is how many are not the contract's.
	Types map[string]int
	Wrong int
	// Misshaped is how many are of the right type and not as the contract wants them: format, pattern, bounds.
	Misshaped int
	// Strange is how many words the contract does not list, and Words which; a word that could be somebody's text is not kept.
	Strange int
	Words   map[string]int
	// Shortest and Longest are lengths of texts in characters, of lists in elements.
	Shortest, Longest int
}

// Other stands for names and words that are not shown, because they could be somebody's data, or because there are too many.
const Other = "(other)"

const (
	mostNames = 200 // of fields that the contract does not have
	mostWords = 20
	deepest   = 4 // levels below custom
)

// New begins a sample.
func New(r acme.Resource) (*Sample, error) {
	all, err := contract()
	if err != nil {
		return nil, err
	}
	return &Sample{Resource: r, contract: all[r], counts: map[string]*Count{}, custom: map[string]int{}, zones: map[string]int{}}, nil
}

// Add takes one record, as Acme's contract has it or, under a profile, as the profile makes it.
func (s *Sample) Add(raw []byte) {
	s.Records++
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	var record map[string]any
	if in.Decode(&record) != nil || record == nil {
		s.Misshaped++
		return
	}
	s.object("", s.contract, record)
}

// Count is what was seen of a field.
func (s *Sample) Count(path string) Count {
	if c := s.counts[path]; c != nil {
		return *c
	}
	return Count{}
}

// Counts are all fields that could have been there, by path.
func (s *Sample) Counts() map[string]Count {
	all := make(map[string]Count, len(s.counts))
	for path, c := range s.counts {
		all[path] = *c
	}
	return all
}

// Custom counts records by what they hold below custom, which a profile fills with what none of its rules takes.
func (s *Sample) Custom() map[string]int { return maps.Clone(s.custom) }

// Zones counts names of time zones, wherever they stand; what is none is Other.
func (s *Sample) Zones() map[string]int { return maps.Clone(s.zones) }

func (s *Sample) count(path string, f *Field) *Count {
	c := s.counts[path]
	if c == nil {
		c = &Count{Field: f, Types: map[string]int{}, Words: map[string]int{}, Shortest: -1}
		s.counts[path] = c
	}
	return c
}

func (s *Sample) object(path string, of *object, value map[string]any) {
	for _, f := range of.fields {
		c := s.count(f.Path, f)
		c.Of++
		switch v, there := value[f.name]; {
		case v != nil:
			s.value(c, f, v)
		case there:
			c.Null++
		}
	}
	var strange map[string]any // once each, also those whose names are not shown
	for name, v := range value {
		switch {
		case of.field(name) != nil:
		case path == "" && name == "custom": // where a profile puts what the contract does not have, whatever the resource
			s.within("custom", v, 0)
		case of.open:
			s.within(path+shown(name), v, 1)
		default:
			if strange == nil {
				strange = map[string]any{}
			}
			at := path + shown(name)
			if s.counts[at] == nil && len(s.strangers) >= mostNames {
				at = path + Other
			}
			strange[at] = v
		}
	}
	for at, v := range strange {
		s.strange(at, v)
	}
	for _, at := range s.strangers {
		if holder(at) == path {
			s.counts[at].Of++
		}
	}
}

// holder is the path of the object that holds a field, with its dot.
func holder(path string) string {
	return path[:strings.LastIndexByte(path, '.')+1]
}

// strange notes a field that the contract does not have. Of counts from the record on that showed it first.
func (s *Sample) strange(path string, v any) {
	if s.counts[path] == nil {
		s.strangers = append(s.strangers, path)
	}
	c := s.count(path, nil)
	if v == nil {
		c.Null++
		return
	}
	c.Present++
	c.Types[typeOf(v)]++
}

// within notes the leaves of an object that takes any field.
func (s *Sample) within(path string, v any, depth int) {
	if inner, ok := v.(map[string]any); ok && depth < deepest && len(inner) > 0 {
		for name, one := range inner {
			s.within(path+"."+shown(name), one, depth+1)
		}
		return
	}
	if _, known := s.custom[path]; !known && len(s.custom) >= mostNames {
		path = Other
	}
	s.custom[path]++
}

func (s *Sample) value(c *Count, f *Field, v any) {
	c.Present++
	kind := typeOf(v)
	c.Types[kind]++
	if f.Type != "" && kind != f.Type && (f.Type != "number" || kind != "integer") {
		c.Wrong++
		return
	}
	switch v := v.(type) {
	case string:
		c.length(utf8.RuneCountInString(v))
		s.text(c, f, v)
	case json.Number:
		if n, err := v.Float64(); err == nil && (f.schema.Min != nil && n < *f.schema.Min || f.schema.Max != nil && n > *f.schema.Max) {
			c.Misshaped++
		}
	case []any:
		c.length(len(v))
		of := s.count(f.item.Path, f.item)
		for _, one := range v {
			of.Of++
			if one == nil {
				of.Null++
				continue
			}
			s.value(of, f.item, one)
		}
	case map[string]any:
		s.object(f.Path+".", f.object, v)
	}
}

func (c *Count) length(n int) {
	if n == 0 {
		c.Empty++
	}
	c.Longest = max(c.Longest, n)
	if c.Shortest < 0 || n < c.Shortest {
		c.Shortest = n
	}
}

func (s *Sample) text(c *Count, f *Field, text string) {
	if f.name == "time_zone" && text != "" {
		if !isZone(text) {
			text = Other
		}
		s.zones[text]++
		return
	}
	if len(f.Words) > 0 && !slices.Contains(f.Words, text) {
		c.Strange++
		word := shown(text)
		if _, known := c.Words[word]; !known && len(c.Words) >= mostWords {
			word = Other
		}
		c.Words[word]++
		return
	}
	length := uint64(utf8.RuneCountInString(text)) //nolint:gosec // a length is not negative
	switch {
	case f.Format == "date-time" && !isInstant(text),
		f.pattern != nil && !f.pattern.MatchString(text),
		length < f.schema.MinLength,
		f.schema.MaxLength != nil && length > *f.schema.MaxLength:
		c.Misshaped++
	}
}

func isInstant(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func isZone(name string) bool {
	if name == "Local" || len(name) > 64 {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

var (
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,39}$`)
	manyDigit = regexp.MustCompile(`[0-9]{5}`)
)

// shown is a name or a word as reports may show it. What could be an address, a number or a sentence is somebody's data that
// was used as a key.
func shown(name string) string {
	if !plainName.MatchString(name) || manyDigit.MatchString(name) {
		return Other
	}
	return name
}

// typeOf is a value's type in the words of OpenAPI.
func typeOf(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
