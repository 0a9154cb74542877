package mapping

import (
	"strconv"
	"strings"

	"acmesync"
)

// preset is a ready-made way to fill a field.
type preset struct {
	name  string
	args  []string // it knows, in the order they are documented
	takes []shape  // of a source; none: it has no source
	gives shape    // any: the kind of its source
	// compile reads the arguments and answers what is done with the source's value.
	compile func(a *arguments) step
}

// step makes one value of another.
type step func(r *record, value any) (any, cause)

var texty = []shape{shapeText, shapeNumber, shapeBool, shapeAny}

func presets() []preset {
	return []preset{
		{name: "copy", takes: []shape{shapeText, shapeNumber, shapeMoment, shapePeople, shapePerson, shapeAny}, gives: shapeAny, compile: copyStep},
		{name: "join", args: []string{"sources", "separator"}, takes: []shape{shapeTexts, shapeAny}, gives: shapeText, compile: joinStep},
		{name: "template", args: []string{"text"}, gives: shapeText, compile: templateStep},
		{name: "date_shift", args: []string{"days", "minutes"}, takes: []shape{shapeMoment}, gives: shapeMoment, compile: shiftStep},
		{name: "phone", args: []string{"region", "invalid"}, takes: []shape{shapeText, shapeTexts, shapeAny}, gives: shapeText, compile: phoneStep},
		{name: "lookup", args: []string{"table", "default"}, takes: texty, gives: shapeText, compile: lookupStep},
		{name: "default", args: []string{"value"}, takes: texty, gives: shapeText, compile: defaultStep},
		{name: "strip_html", takes: []shape{shapeText, shapeAny}, gives: shapeText, compile: stripStep},
		{name: "truncate", args: []string{"length"}, takes: texty, gives: shapeText, compile: truncateStep},
	}
}

// preset compiles a rule that has one. The second answer tells whether the rule goes on from what its target holds already.
func (c *compiler) preset(rule acmesync.FieldRule, t *target) (func(*record) (any, cause), bool) {
	p := c.findPreset(rule.Preset)
	if p == nil {
		return nil, false
	}
	a := &arguments{compiler: c, preset: p, target: t, given: rule.Args}
	from, gives, continues := c.input(rule, p, t, a)
	apply := p.compile(a)
	a.refuseUnknown()
	if t != nil && !t.takes(gives) {
		c.problem("/target", t.name+" takes "+t.wants()+", and "+p.name+" gives "+gives.String()+".", "Choose another preset, source or target.")
	}
	return func(r *record) (any, cause) {
		value, ok := from(r)
		if !ok {
			return nil, customUnreadable
		}
		return apply(r, value)
	}, continues || a.continues
}

func (c *compiler) findPreset(name string) *preset {
	names := make([]string, len(c.presets))
	for i := range c.presets {
		if c.presets[i].name == name {
			return &c.presets[i]
		}
		names[i] = c.presets[i].name
	}
	c.problem("/preset", "There is no preset "+strconv.Quote(short(name))+".", didYouMean(closest(name, names), "Presets are "+quoted(names)+"."))
	return nil
}

// input is where a rule's value comes from: its source, or else what its target holds already.
func (c *compiler) input(rule acmesync.FieldRule, p *preset, t *target, a *arguments) (from func(*record) (any, bool), gives shape, continues bool) {
	nothing := func(*record) (any, bool) { return nil, true }
	path := rule.Source
	switch {
	case p.takes == nil && path != "":
		c.problem("/source", p.name+" has no source: its text names what it reads.", "Remove source.")
		return nothing, p.gives, false
	case p.takes == nil, p.name == "join" && path == "" && a.has("sources"):
		return nothing, p.gives, false
	case p.name == "join" && path == "":
		c.problem("/source", "join does not say what it joins.", "Name a list as source, such as contacts.name, or several sources in args.sources.")
		return nothing, p.gives, false
	case p.name == "join" && a.has("sources"):
		c.problem("/args/sources", "join has either a source or args.sources, not both.", "Remove one of them.")
		return nothing, p.gives, false
	case path == "" && p.name == "copy", path == "" && t != nil && t.shape == shapePeople:
		c.problem("/source", "The rule does not say what it reads.", "Name a source, such as appointment.subject.")
		return nothing, p.gives, false
	case path == "" && t == nil:
		return nothing, p.gives, false
	case path == "":
		path = "event." + t.name
	}
	found, ok := c.source("/source", path)
	if !ok {
		return nothing, p.gives, false
	}
	fits := false
	for _, k := range p.takes {
		fits = fits || k == found.shape
	}
	if !fits {
		c.problem("/source", path+" is "+found.shape.String()+", which "+p.name+" can't take.", insteadOf(path, found.shape))
		return nothing, p.gives, false
	}
	gives = p.gives
	if gives == shapeAny {
		gives = found.shape
	}
	return found.read, gives, t != nil && path == "event."+t.name
}

// insteadOf suggests how a source of a kind may be used after all.
func insteadOf(path string, k shape) string {
	switch k {
	case shapeMoment:
		return "Use " + path + `.date_time, or an expression such as tz(` + path + `.at, "Europe/Paris").`
	case shapeInstant:
		return `Use an expression such as tz(` + path + `, "Europe/Paris").`
	case shapeTexts:
		return "Use the preset join."
	case shapePerson, shapePeople:
		return "Use one of the contact's fields, such as " + path + ".name."
	default:
		return "Choose another source or preset."
	}
}

func copyStep(*arguments) step { return func(_ *record, v any) (any, cause) { return v, "" } }

func stripStep(*arguments) step {
	return onText(func(_ *record, text string) (any, cause) { return plainText(text), "" })
}

func truncateStep(a *arguments) step {
	length := a.number("length", 1, maxNotes, 0)
	return onText(func(_ *record, text string) (any, cause) { return clip(text, length), "" })
}

func defaultStep(a *arguments) step {
	value := a.text("value", maxNotes)
	a.fits("value", value)
	return onText(func(_ *record, text string) (any, cause) {
		if filled(text) {
			return text, ""
		}
		return value, ""
	})
}

func lookupStep(a *arguments) step {
	table := a.table("table")
	for _, value := range table {
		a.fits("table", value)
	}
	fallback, hasFallback := a.optional("default", maxNotes)
	if hasFallback {
		a.fits("default", fallback)
	}
	return onText(func(_ *record, text string) (any, cause) {
		if value, ok := table[strings.TrimSpace(text)]; ok {
			return value, ""
		}
		if hasFallback {
			return fallback, ""
		}
		return nil, "its table has no such entry and there is no default"
	})
}

// onText makes a step of what happens to text.
func onText(do func(r *record, text string) (any, cause)) step {
	return func(r *record, value any) (any, cause) {
		text, ok := textOf(value)
		if !ok {
			return nil, "its source holds more than one value"
		}
		return do(r, text)
	}
}
