package acme

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// source is a Source, compiled.
type source struct {
	zones                                           *zones
	spec                                            Source
	from                                            []path
	zoneFrom, date, clock, allDay, duration, flag   path
	hasZoneFrom, hasDate, hasClock, hasAllDay, long bool
}

// read gives a field's value in the canonical form; nil: there is none.
func (s *source) read(kind fieldKind, tree, built map[string]any) any {
	switch kind {
	case textField:
		return s.text(tree)
	case integerField:
		return s.integer(tree)
	case boolField:
		return s.translated(boolean, tree)
	case textsField:
		return s.texts(tree)
	case instantField:
		return s.instant(tree)
	case momentField:
		return s.moment(tree, built)
	case lengthField:
		return s.length(tree)
	default:
		return s.value(tree)
	}
}

// value is the first value there is.
func (s *source) value(tree any) any {
	if s.spec.Join != "" {
		return s.joined(tree)
	}
	for _, p := range s.from {
		if v := p.first(tree); v != nil && v != "" {
			return v
		}
	}
	if s.spec.Default != "" {
		return s.spec.Default
	}
	return nil
}

func (s *source) text(tree any) any {
	v := s.value(tree)
	word, ok := asText(v)
	if !ok {
		return v
	}
	return s.word(word)
}

func (s *source) joined(tree any) any {
	var parts []string
	for _, p := range s.from {
		for _, v := range p.collect(tree, nil) {
			if word, ok := asText(v); ok && word != "" {
				parts = append(parts, word)
			}
		}
	}
	if len(parts) == 0 && s.spec.Default == "" {
		return nil
	} else if len(parts) == 0 {
		return s.spec.Default
	}
	return strings.Join(parts, s.spec.Join)
}

// word cuts and translates one text; a word that no table knows stays.
func (s *source) word(word string) string {
	if s.spec.Before != "" {
		word, _, _ = strings.Cut(word, s.spec.Before)
	}
	if s.spec.Enum == nil {
		return word
	}
	if ours, known := s.spec.Enum[word]; known {
		return ours
	}
	if ours, known := s.spec.Enum["*"]; known {
		return ours
	}
	return word
}

func (s *source) translated(read func(any) any, tree any) any {
	v := s.value(tree)
	if word, ok := asText(v); ok && s.spec.Enum != nil {
		v = s.word(word)
	}
	return read(v)
}

func (s *source) integer(tree any) any {
	v := s.value(tree)
	if word, ok := v.(string); ok {
		if n, err := strconv.ParseInt(s.word(word), 10, 64); err == nil {
			return n
		}
	}
	return v
}

func (s *source) texts(tree any) any {
	var all []any
	seen := map[string]bool{}
	add := func(word string) {
		if word = strings.TrimSpace(word); word != "" && !seen[word] {
			seen[word] = true
			all = append(all, s.word(word))
		}
	}
	for _, p := range s.from {
		for _, v := range p.collect(tree, nil) {
			values := []any{v}
			if list, ok := v.([]any); ok {
				values = list
			}
			for _, one := range values {
				word, ok := asText(one)
				switch {
				case ok && s.spec.Split != "":
					for part := range strings.SplitSeq(word, s.spec.Split) {
						add(part)
					}
				case ok && s.spec.Split == "" && word != "" && !seen[word]:
					seen[word] = true
					all = append(all, s.word(word))
				case !ok && one != nil:
					all = append(all, one)
				}
			}
		}
	}
	if all == nil {
		return []any{}
	}
	return all
}

// length is a duration in milliseconds.
func (s *source) length(tree any) any {
	v := s.value(tree)
	d, ok := s.lengthOf(v)
	if !ok {
		return v
	}
	return d.Milliseconds()
}

// lengthOf reads a length in the source's unit.
func (s *source) lengthOf(v any) (time.Duration, bool) {
	word, ok := asText(v)
	if !ok || word == "" {
		return 0, false
	}
	if s.spec.Unit == "hh:mm" {
		return clockLength(word)
	}
	unit := map[string]float64{"": 1e6, "ms": 1e6, "s": 1e9, "min": 60e9}[s.spec.Unit]
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n*unit) > 1e18 {
		return 0, false
	}
	return time.Duration(math.Round(n * unit)), true
}

// clockLength reads "01:30", "100:00", "00:45:10" and "-00:30".
func clockLength(word string) (time.Duration, bool) {
	plain, negative := strings.CutPrefix(word, "-")
	parts := strings.Split(plain, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	var d time.Duration
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second}[:len(parts)] {
		n, err := strconv.ParseUint(parts[i], 10, 20)
		if err != nil || i > 0 && n > 59 {
			return 0, false
		}
		d += time.Duration(n) * unit
	}
	if negative {
		d = -d
	}
	return d, true
}

// remove takes what the source has read out of the tree.
func (s *source) remove(tree any) {
	for _, p := range s.from {
		p.remove(tree)
	}
	for _, p := range []path{s.zoneFrom, s.date, s.clock, s.allDay, s.duration, s.flag} {
		p.remove(tree)
	}
}

// asText is a value as a text: numbers keep their digits.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// boolean reads true, "true", 1 and "1" and their opposites; anything else stays as it is.
func boolean(v any) any {
	word, ok := asText(v)
	if !ok {
		return v
	}
	switch strings.ToLower(word) {
	case "true", "1", "yes":
		return true
	case "false", "0", "no", "":
		return false
	}
	return v
}
