package mapping

import (
	"slices"
	"strconv"
	"strings"

	"acmesync"
	"acmesync/app"
)

const mappingPointer = "/appointments/mapping"

// Tables are a tenant's lookup tables by name: value in Acme → value in the app.
type Tables map[string]map[string]string

// Fields are a tenant's field rules, ready to be applied. They may be used by several goroutines at once.
type Fields struct {
	rules []fieldRule
	zones *zones
	owner bool // some rule reads Acme's user who owns the record
}

// fieldRule is one compiled rule.
type fieldRule struct {
	target *target
	value  func(*record) (any, cause)
}

// cause is why a rule can't be followed, as the middle of a sentence; empty: it can. It never quotes the record.
type cause string

// CompileFields makes rules ready, or answers all that is wrong with them at once. Fields that come with problems are nil.
func CompileFields(rules []acmesync.FieldRule, tables Tables) (*Fields, []Problem) {
	f := &Fields{zones: new(zones)}
	c := &compiler{catalog: newCatalog(), targets: targets(), tables: tables, presets: presets(), zones: f.zones}
	for i, rule := range rules {
		c.at = mappingPointer + "/" + strconv.Itoa(i)
		if compiled, ok := c.rule(rule); ok {
			f.rules = append(f.rules, compiled)
		}
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	f.owner = c.owner
	return f, nil
}

// Apply fills fields of e, which the built-in mapping has made of the same record. Where it fails e is left half done.
// The error is an *acmesync.Fault that names the field.
//
// Of an event that only shows its time as taken, rules change times and status. One that a rule makes so is emptied.
func (f *Fields) Apply(e *app.Event, src Source) error {
	if wrong := f.apply(e, src, 1); len(wrong) > 0 {
		return wrong[0]
	}
	return nil
}

// apply goes on after a rule that cannot be followed, until so many are found.
func (f *Fields) apply(e *app.Event, src Source, most int) (wrong []error) {
	if f == nil || len(f.rules) == 0 {
		return nil
	}
	r := newRecord(src, e, f.zones)
	busy := e.Visibility == app.VisibilityBusy
	before := *e
	for i := range f.rules {
		rule := &f.rules[i]
		if busy && !rule.target.shownWhenBusy() {
			continue
		}
		value, why := rule.value(r)
		if why == "" {
			why = rule.target.put(r, value)
		}
		if why != "" {
			if wrong = append(wrong, unmapped(rule.target.name, why)); len(wrong) == most {
				return wrong
			}
		}
	}
	if why := ordered(e); why != "" && e.End != before.End {
		return append(wrong, unmapped("end", why))
	} else if why != "" && e.Start != before.Start {
		return append(wrong, unmapped("start", why))
	}
	if e.Visibility == app.VisibilityBusy && !busy {
		*e = busyOnly(*e)
	}
	return wrong
}

func unmapped(field string, why cause) error {
	return park(acmesync.MappingFailed, field, "The rule for "+field+" can't be followed for this record: "+string(why)+". Change the rule, or the record in Acme.")
}

func ordered(e *app.Event) cause {
	start, end := momentOf(e.Start), momentOf(e.End)
	switch {
	case (start.Date == "") != (end.Date == ""):
		return "one of start and end would be a whole day and the other a time of day"
	case !end.at.After(start.at):
		return "the event would not end after it starts"
	}
	return ""
}

// busyOnly keeps what shows that the time is taken.
func busyOnly(e app.Event) app.Event {
	return app.Event{
		ExternalID: e.ExternalID, Revision: e.Revision, OwnerID: e.OwnerID, Title: privateTitle,
		Start: e.Start, End: e.End, Status: e.Status, Visibility: app.VisibilityBusy,
	}
}

// compiler checks rules one after the other and gathers what is wrong.
type compiler struct {
	catalog  *catalog
	targets  []target
	tables   Tables
	presets  []preset
	zones    *zones
	language *language // made for the first expression

	at       string // pointer of the rule at hand
	problems []Problem
	filled   []string // targets so far
	owner    bool     // a rule reads the owner
}

func (c *compiler) problem(below, message, hint string) {
	c.problems = append(c.problems, Problem{Pointer: c.at + below, Message: message, Hint: hint})
}

func (c *compiler) rule(rule acmesync.FieldRule) (fieldRule, bool) {
	t, known := c.target(rule.Target)
	found := len(c.problems)
	out := fieldRule{target: t}
	continues := false // what an earlier rule of the same target has filled
	switch {
	case rule.CEL != "" && (rule.Source != "" || rule.Preset != "" || len(rule.Args) > 0):
		c.problem("/cel", "A rule has either an expression or a preset, not both.", "Remove cel, or remove source, preset and args.")
	case rule.CEL != "":
		out.value, continues = c.expression(rule.CEL, t)
	case rule.Preset == "":
		c.problem("/preset", "The rule does not say how its target is filled.", "Name a preset, such as copy, or write an expression in cel.")
	default:
		out.value, continues = c.preset(rule, t)
	}
	if !known {
		return out, false
	}
	if slices.Contains(c.filled, t.name) && !continues && len(c.problems) == found {
		c.problem("/target", "An earlier rule fills "+t.name+" already, and this one throws that away.",
			"Remove one of them, or let this one read event."+t.name+".")
	}
	c.filled = append(c.filled, t.name)
	return out, len(c.problems) == found
}

func (c *compiler) target(name string) (*target, bool) {
	if t, ok := findTarget(c.targets, name); ok {
		return t, true
	}
	if why, ok := untouchable[name]; ok {
		c.problem("/target", name+" can't be filled by a rule.", why)
		return nil, false
	}
	names := make([]string, len(c.targets))
	for i, t := range c.targets {
		names[i] = t.name
	}
	if name == "" {
		c.problem("/target", "The rule does not say which field it fills.", "Targets are "+quoted(names)+".")
		return nil, false
	}
	c.problem("/target", "The app's event has no field "+strconv.Quote(short(name))+" that a rule may fill.", didYouMean(closest(name, names), "Targets are "+quoted(names)+"."))
	return nil, false
}

func (c *compiler) source(below, path string) (source, bool) {
	found, nearest, ok := c.catalog.find(path)
	c.owner = c.owner || strings.HasPrefix(path, "owner.")
	if !ok {
		c.problem(below, "There is no source "+strconv.Quote(short(path))+".",
			didYouMean(nearest, "Sources begin with "+quoted(c.catalog.roots())+"."))
	}
	return found, ok
}

func didYouMean(guess, otherwise string) string {
	if guess == "" {
		return otherwise
	}
	return "Did you mean " + guess + "?"
}
