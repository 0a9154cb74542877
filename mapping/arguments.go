package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

const maxTableEntries = 1_000

// arguments reads what a rule gives its preset, and tells what is wrong with it.
type arguments struct {
	*compiler
	preset    *preset
	target    *target // nil where it is unknown
	given     map[string]any
	continues bool // an argument reads what the target holds already
}

func (a *arguments) has(name string) bool { _, ok := a.given[name]; return ok }

func (a *arguments) wrong(name, message, hint string) {
	a.problem("/args/"+name, a.preset.name+": "+name+" "+message+".", hint)
}

func (a *arguments) refuseUnknown() {
	for _, name := range sortedKeys(a.given) {
		if slices.Contains(a.preset.args, name) {
			continue
		}
		otherwise := a.preset.name + " takes no arguments."
		if len(a.preset.args) > 0 {
			otherwise = "It takes " + quoted(a.preset.args) + "."
		}
		a.problem("/args/"+escape(name), a.preset.name+" has no argument "+strconv.Quote(short(name))+".",
			didYouMean(closest(name, a.preset.args), otherwise))
	}
}

// text reads an argument that must be there and hold something.
func (a *arguments) text(name string, limit int) string {
	value, ok := a.optional(name, limit)
	if !ok && !a.has(name) || ok && value == "" {
		a.wrong(name, "is missing", "Give it a text.")
	}
	return value
}

func (a *arguments) optional(name string, limit int) (string, bool) {
	raw, ok := a.given[name]
	if !ok {
		return "", false
	}
	value, ok := raw.(string)
	if !ok {
		a.wrong(name, "is no text", "Put it in quotes.")
		return "", false
	}
	if utf8.RuneCountInString(value) > limit {
		a.wrong(name, fmt.Sprintf("is longer than %d characters", limit), "Shorten it.")
	}
	return value, true
}

// number reads a whole number. otherwise stands in for one that is not given; where it is outside of the bounds one must be.
func (a *arguments) number(name string, least, most, otherwise int) int {
	raw, ok := a.given[name]
	if !ok {
		if otherwise < least || otherwise > most {
			a.wrong(name, "is missing", fmt.Sprintf("Give it a whole number from %d to %d.", least, most))
		}
		return otherwise
	}
	n, ok := wholeNumber(raw)
	if !ok || n < float64(least) || n > float64(most) {
		a.wrong(name, fmt.Sprintf("is no whole number from %d to %d", least, most), "Correct it.")
		return otherwise
	}
	return int(n)
}

func wholeNumber(raw any) (float64, bool) {
	var n float64
	switch v := raw.(type) {
	case float64:
		n = v
	case int:
		n = float64(v)
	case int64:
		n = float64(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return 0, false
		}
		n = f
	default:
		return 0, false
	}
	return n, n == math.Trunc(n)
}

// choice reads one of several words, the first of which is the default.
func (a *arguments) choice(name string, words ...string) string {
	value, ok := a.optional(name, 100)
	switch {
	case !ok:
		return words[0]
	case !slices.Contains(words, value):
		a.wrong(name, "is none of "+quoted(words), didYouMean(closest(value, words), "Choose one of them."))
		return words[0]
	}
	return value
}

func (a *arguments) region(name string) string {
	value, ok := a.optional(name, 100)
	if !ok {
		return ""
	}
	upper := strings.ToUpper(value)
	if !knownRegion(upper) {
		a.wrong(name, "is no country", `Use its two letters, such as "CH" or "US".`)
	}
	return upper
}

func knownRegion(region string) bool { return phonenumbers.GetSupportedRegions()[region] }

// table reads a lookup table: the name of one of the tenant's, or a table of its own.
func (a *arguments) table(name string) map[string]string {
	switch raw := a.given[name].(type) {
	case nil:
		a.wrong(name, "is missing", "Give it a table, or the name of one of appointments.tables.")
	case string:
		return a.namedTable(name, raw)
	case map[string]string:
		return raw
	case map[string]any:
		table := make(map[string]string, len(raw))
		for key, value := range raw {
			text, ok := value.(string)
			if !ok {
				a.wrong(name+"/"+escape(key), "is no text", "Put it in quotes.")
			}
			table[strings.TrimSpace(key)] = text
		}
		if len(table) == 0 || len(table) > maxTableEntries {
			a.wrong(name, fmt.Sprintf("has no entries, or more than %d", maxTableEntries), "Correct it.")
		}
		return table
	default:
		a.wrong(name, "is neither a table nor the name of one", "Give it a table, or the name of one of appointments.tables.")
	}
	return nil
}

func (a *arguments) namedTable(arg, name string) map[string]string {
	table, ok := a.tables[name]
	if !ok {
		a.wrong(arg, "names a table that is not there", didYouMean(closest(name, sortedKeys(a.tables)), "Add it to appointments.tables."))
	}
	return table
}

// fits wants a fixed value to be one that the target takes.
func (a *arguments) fits(name, value string) {
	if a.target != nil && len(a.target.values) > 0 && !slices.Contains(a.target.values, value) {
		a.wrong(name, "gives "+strconv.Quote(short(value))+", which "+a.target.name+" does not take", "It takes "+quoted(a.target.values)+".")
	}
}

// sources reads a list of paths to text or lists of it.
func (a *arguments) sources(name string) []source {
	raw, ok := a.given[name]
	if !ok {
		return nil
	}
	list, ok := pathsOf(raw)
	if !ok || len(list) == 0 || len(list) > maxSources {
		a.wrong(name, fmt.Sprintf("is no list of 1 to %d sources", maxSources), `Write it as ["appointment.subject", "contact.name"].`)
		return nil
	}
	var out []source
	for i, path := range list {
		below := name + "/" + strconv.Itoa(i)
		found, ok := a.source("/args/"+below, path)
		switch {
		case !ok:
		case found.shape == shapeTexts || slices.Contains(texty, found.shape):
			out = append(out, found)
		default:
			a.wrong(below, "is "+found.shape.String(), insteadOf(path, found.shape))
		}
		a.continues = a.continues || a.target != nil && path == "event."+a.target.name
	}
	return out
}

func pathsOf(raw any) ([]string, bool) {
	switch list := raw.(type) {
	case []string:
		return list, true
	case []any:
		paths := make([]string, len(list))
		for i, item := range list {
			path, ok := item.(string)
			if !ok {
				return nil, false
			}
			paths[i] = path
		}
		return paths, true
	}
	return nil, false
}

// textSource finds a path to text that stands inside another argument.
func (a *arguments) textSource(name, path string) (source, bool) {
	found, ok := a.source("/args/"+name, path)
	if ok && !slices.Contains(texty, found.shape) {
		a.wrong(name, "names "+path+", which is "+found.shape.String(), insteadOf(path, found.shape))
		return source{}, false
	}
	return found, ok
}

// part is a piece of a template: text as it stands, or a path.
type part struct {
	text string
	path bool
}

// template takes "{contact.name}" and the like apart.
func (a *arguments) template(name string) []part {
	rest := a.text(name, maxTemplate)
	var parts []part
	literal := func(text string) {
		if text == "" {
			return
		}
		if n := len(parts) - 1; n >= 0 && !parts[n].path {
			parts[n].text += text
			return
		}
		parts = append(parts, part{text: text})
	}
	for {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			literal(rest)
			return parts
		}
		literal(rest[:at])
		if strings.HasPrefix(rest[at:], "{{") || strings.HasPrefix(rest[at:], "}}") {
			literal(rest[at : at+1])
			rest = rest[at+2:]
			continue
		}
		end := strings.IndexAny(rest[at+1:], "{}") + at + 1
		if rest[at] == '}' || end == at || rest[end] != '}' {
			a.wrong(name, "has a brace that is not closed or not opened", "Write {source} for a source, and {{ or }} for a brace.")
			return nil
		}
		parts = append(parts, part{strings.TrimSpace(rest[at+1 : end]), true})
		rest = rest[end+1:]
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
