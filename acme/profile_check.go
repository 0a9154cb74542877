package acme

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// profile compiles a document whose shape is right, and says what of it cannot work.
func (c *profileCheck) profile(p *Profile) {
	if p.Prefix != "" {
		p.Prefix = strings.TrimRight(p.Prefix, "/")
		c.place("/prefix", p.Prefix)
	}
	c.auth(p.Auth)
	c.format(p)
	c.account(p)
	for _, r := range []Resource{Appointments, Touchpoints, Contacts, Users} {
		shape := *p.shape(r)
		switch {
		case shape != nil:
			p.streams[r] = c.dialect("/"+string(r), r, *shape)
		case c.xml: // Acme's own, but for the format
			p.streams[r] = c.dialect("/"+string(r), r, *ownXML(r))
			p.streams[r].whole = true
		default:
			continue
		}
		p.streams[r].latin1 = p.Encoding != ""
	}
	c.hooks(p)
}

func (c *profileCheck) format(p *Profile) {
	if p.Format != "" {
		c.oneOf("/format", p.Format, FormatJSON, FormatXML)
	}
	switch {
	case p.Encoding == "":
	case !c.xml:
		c.add("/encoding", `goes with "format": "xml" only`, "JSON is UTF-8")
	default:
		c.oneOf("/encoding", p.Encoding, "utf-8", "latin1")
	}
	if p.Encoding == "utf-8" {
		p.Encoding = ""
	}
}

// place wants a path below the tenant's base URL: nothing a profile says may lead to another host.
func (c *profileCheck) place(at, path string) {
	const hint = "the host is the connection's base URL; a path begins with / and names no host, query or .."
	outside := !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?#\\ \t\r\n@") || strings.Contains(path, "://")
	for segment := range strings.SplitSeq(path, "/") {
		lower := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		outside = outside || lower == ".." || lower == "."
	}
	for i := range len(path) {
		outside = outside || path[i] < 0x21 || path[i] > 0x7e
	}
	if outside || len(path) > 500 {
		c.add(at, "must be a path below Acme's base URL", hint)
	}
}

func (c *profileCheck) auth(a Auth) {
	switch a.Kind {
	case "", "bearer", "basic":
		if a.Header != "" || a.Prefix != "" {
			c.add("/auth/header", "has no use with this kind", `with "kind": "header" the key goes there`)
		}
	case "header":
		if !headerName(a.Header) || slices.Contains([]string{"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Cookie", "Accept", "User-Agent"}, http.CanonicalHeaderKey(a.Header)) {
			c.add("/auth/header", "must name the header that carries the key", `such as "X-Api-Key"`)
		}
		if a.Prefix != "" && !sendable(strings.TrimSuffix(a.Prefix, " ")) {
			c.add("/auth/prefix", "must be plain text", "")
		}
	case "query":
		c.add("/auth/kind", "a key in the address is refused", `addresses are logged on the way: use "header", "bearer" or "basic"`)
	default:
		c.oneOf("/auth/kind", a.Kind, "bearer", "header", "basic")
	}
	if a.User != "" && (a.Kind != "basic" || strings.Contains(a.User, ":") || !sendable(a.User)) {
		c.add("/auth/user", `goes with "kind": "basic" only, and has no colon`, "")
	}
}

func headerName(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, letters+digits+"-_") == ""
}

func (c *profileCheck) oneOf(at, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	c.add(at, "must be one of "+strings.Join(allowed, ", "), meant(value, allowed))
	return false
}

func (c *profileCheck) account(p *Profile) {
	a := &p.Account
	if a.Path == "" && a.At == "" && len(a.Fields) == 0 && !c.xml {
		return
	}
	if a.Path == "" {
		a.Path = "/v1/account"
	}
	c.place("/account/path", a.Path)
	c.plainPath("/account/at", a.At)
	r := c.record("/account/fields", accountFields(), a.Fields, false)
	p.account = &r
}

// dialect compiles one resource.
func (c *profileCheck) dialect(at string, r Resource, s Shape) *dialect {
	d := &dialect{Shape: s, resource: r, foreign: len(s.Fields) > 0 || c.xml, xml: c.xml}
	c.place(at+"/path", s.Path)
	for name, value := range s.Query {
		if name == "" || len(name)+len(value) > 1000 {
			c.add(at+"/query/"+pointerPart(name), "must be a short parameter", "")
		}
	}
	d.list = c.plainPath(at+"/list", s.List)
	d.at = c.plainPath(at+"/at", s.At)
	c.paging(at+"/paging", d)
	if d.Since != nil {
		c.param(at+"/updated_since/param", d.Since.Param)
		if d.Since.Time != "" {
			c.oneOf(at+"/updated_since/time", d.Since.Time, "rfc3339", "unix_s", "unix_ms", "unix_us")
		}
	} else {
		d.Unordered = true // without an entrance every poll reads all of it, whatever its order
	}
	if d.Limit != nil {
		c.param(at+"/limit/param", d.Limit.Param)
		if d.Limit.Max > 1000 {
			c.add(at+"/limit/max", "must be 1 to 1,000", "")
		}
	}
	if d.Deleted != nil {
		c.param(at+"/include_deleted/param", d.Deleted.Param)
		if d.Deleted.Value == "" {
			shown := *d.Deleted
			shown.Value = "true"
			d.Deleted = &shown
		}
	}
	c.byID(at, d)
	d.record = c.record(at+"/fields", canonicalFields(r), s.Fields, true)
	return d
}

func (c *profileCheck) param(at, name string) {
	if name == "" || len(name) > 100 || strings.ContainsAny(name, "&=?# \t\r\n") {
		c.add(at, "must name a parameter of the query", "write null instead of the object where there is none")
	}
}

func (c *profileCheck) paging(at string, d *dialect) {
	p := &d.Paging
	if p.Style == "" {
		p.Style = "cursor"
	}
	if !c.oneOf(at+"/style", p.Style, "cursor", "page", "offset", "link", "link_header") {
		return
	}
	byDefault := map[string]string{"cursor": "cursor", "page": "page", "offset": "offset"}[p.Style]
	if p.Param == "" {
		p.Param = byDefault
	} else if byDefault == "" {
		c.add(at+"/param", "has no use with a link", "the link carries all parameters")
	}
	if p.Next == "" && p.Style == "cursor" {
		p.Next = "next_cursor"
	}
	if p.Next == "" && p.Style == "link" {
		c.add(at+"/next", "must say where the link lies", `such as "links.next"`)
	}
	if p.Zero && p.Style != "page" {
		c.add(at+"/zero", `goes with "style": "page" only`, "")
	}
	if (p.Style == "page" || p.Style == "offset") && p.More == "" && p.Next == "" && d.Limit == nil {
		c.add(at+"/more", "must say where an answer tells that there is more", `or name the "limit" parameter: then a page that is not full is the last`)
	}
	d.next, d.more = c.plainPath(at+"/next", p.Next), c.plainPath(at+"/more", p.More)
	if byDefault != "" {
		c.param(at+"/param", p.Param)
	}
}

// byID compiles how records are read by id.
func (c *profileCheck) byID(at string, d *dialect) {
	if d.Get == "" {
		d.Get = d.Path + "/{id}"
	} else {
		c.place(at+"/get", strings.ReplaceAll(d.Get, "{id}", "id"))
	}
	if !strings.Contains(d.Get, "{id}") {
		c.add(at+"/get", "must say where the id goes", `such as "/activities/{id}"`)
	}
	if d.Batch == nil {
		return
	}
	b := *d.Batch
	d.Batch = &b
	if b == (BatchShape{}) {
		b = BatchShape{Path: d.Path + ":batchGet", Missing: "missing"}
	} else {
		c.place(at+"/batch/path", b.Path)
	}
	if b.List == "" {
		b.List, d.batchList = d.List, d.list
	} else {
		d.batchList = c.plainPath(at+"/batch/list", b.List)
	}
	if b.IDs == "" {
		b.IDs = "ids[]"
	}
	before, after, found := strings.Cut(b.IDs, "[]")
	if !found || before == "" || strings.ContainsAny(before+after, "[] ") {
		c.add(at+"/batch/ids", "must say where in the body the ids go", `such as "ids[]" or "inputs[].id"`)
	}
	if b.Param != "" {
		c.param(at+"/batch/param", b.Param)
	}
	if b.Max > MaxBatch {
		c.add(at+"/batch/max", "must be 1 to 200", "")
	}
	d.missing = c.plainPath(at+"/batch/missing", b.Missing)
	*d.Batch = b
}

// plainPath compiles a path of keys alone: where one thing lies in an answer.
func (c *profileCheck) plainPath(at, text string) path {
	p, ok := compilePath(text)
	if !ok || slices.ContainsFunc(p, func(s step) bool { return s.index != 0 }) {
		c.add(at, "must be keys joined by dots", `such as "paging.next.after"; "." is the answer itself`)
	}
	return p
}

// record compiles the fields of a record. Fields the document does not name lie where the contract has them; where it names
// any of an event, an account or a subscription, the others are not there.
func (c *profileCheck) record(at string, canonical []canonicalField, given map[string]Source, rest bool) record {
	r, known := record{rest: rest}, new(zones)
	names := make([]string, len(canonical))
	for i, f := range canonical {
		names[i] = f.name
		spec, named := given[f.name]
		// In XML a list of one is no list: the parts of a recurrence are looked for by themselves.
		if !named && (strings.Contains(f.name, ".") && !(c.xml && rest) || !rest && len(given) > 0) {
			continue
		}
		if !named {
			spec = Source{From: Paths{f.name}}
		}
		r.fields = append(r.fields, compiledField{canonicalField: f, source: c.source(at+"/"+pointerPart(f.name), f, spec)})
		r.fields[len(r.fields)-1].source.zones = known
	}
	for name := range given {
		if !slices.Contains(names, name) {
			c.add(at+"/"+pointerPart(name), "is no field of Acme's contract", meant(name, names))
		}
	}
	return r
}

func (c *profileCheck) source(at string, f canonicalField, spec Source) source {
	s := source{spec: spec}
	for i, text := range spec.From {
		p, ok := c.fieldPath(text)
		if !ok || len(p) == 0 && text != "." {
			c.add(at+"/from", "is no path", `keys joined by dots, [] for every element: "participants[].person_id"; it is the path number `+string(rune('1'+min(i, 8))))
		}
		s.from = append(s.from, p)
	}
	one := func(name, text string) (path, bool) {
		if text == "" {
			return nil, false
		}
		p, ok := c.fieldPath(text)
		if !ok || len(p) == 0 {
			c.add(at+"/"+name, "is no path", "keys joined by dots")
		}
		return p, true
	}
	s.zoneFrom, s.hasZoneFrom = one("zone_from", spec.ZoneFrom)
	s.date, s.hasDate = one("date", spec.Date)
	s.clock, s.hasClock = one("clock", spec.Clock)
	s.allDay, s.hasAllDay = one("all_day", spec.AllDay)
	s.duration, s.long = one("duration", spec.Duration)
	s.flag, _ = one("flag", spec.Flag)
	c.fits(at, f, spec)
	if spec.Zone != "" {
		if _, err := time.LoadLocation(spec.Zone); err != nil || spec.Zone == "Local" {
			c.add(at+"/zone", "is no IANA time zone", `such as "Europe/Zurich"`)
		}
	}
	return s
}

// fieldPath compiles where a value lies within a record.
func (c *profileCheck) fieldPath(text string) (path, bool) {
	p, ok := compilePath(text)
	for i := range p {
		p[i].lone = c.xml
	}
	return p, ok
}

// fits refuses what has no meaning for a kind of field: a rule that does nothing is a rule misunderstood.
func (c *profileCheck) fits(at string, f canonicalField, s Source) {
	refuse := func(name string, given bool) {
		if given {
			c.add(at+"/"+name, "has no meaning for "+f.name, "")
		}
	}
	moment, instant := f.kind == momentField, f.kind == instantField
	refuse("time", s.Time != "" && !moment && !instant)
	refuse("zone", s.Zone != "" && !moment && !instant)
	refuse("zone_from", s.ZoneFrom != "" && !moment && !instant)
	refuse("date", s.Date != "" && !moment)
	refuse("clock", s.Clock != "" && !moment)
	refuse("all_day", s.AllDay != "" && !moment)
	refuse("duration", s.Duration != "" && f.name != "end")
	refuse("unit", s.Unit != "" && f.kind != lengthField && s.Duration == "")
	refuse("flag", s.Flag != "" && f.name != "deleted_at")
	refuse("split", s.Split != "" && f.kind != textsField)
	refuse("join", s.Join != "" && f.kind != textField && !moment && !instant)
	if s.Time != "" && (moment || instant) {
		c.oneOf(at+"/time", s.Time, "rfc3339", "unix_s", "unix_ms", "unix_us", "local")
	}
	if s.Unit != "" {
		c.oneOf(at+"/unit", s.Unit, "ms", "s", "min", "hh:mm")
	}
	if s.Time == "local" && instant && s.Zone == "" && s.ZoneFrom == "" {
		c.add(at+"/zone", "is needed: a local time is none without its zone", `"UTC", or "zone_from" with the path of the zone`)
	}
	if s.Clock != "" && s.Date == "" || s.Date != "" && s.Clock == "" {
		c.add(at+"/date", "date and clock go together", "")
	}
	if allowed := words(f.name); allowed != nil {
		for theirs, ours := range s.Enum {
			if !slices.Contains(allowed, ours) {
				c.add(at+"/enum/"+pointerPart(theirs), "must be one of "+strings.Join(allowed, ", "), meant(ours, allowed))
			}
		}
		if s.Default != "" && !slices.Contains(allowed, s.Default) {
			c.add(at+"/default", "must be one of "+strings.Join(allowed, ", "), meant(s.Default, allowed))
		}
	}
}

// words are what a field of the contract may say; nil: anything.
func words(field string) []string {
	switch field {
	case "status":
		return []string{string(Scheduled), string(Completed), string(Canceled), string(NoShow), "active", "disabled"}
	case "channel":
		return []string{string(Call), string(Email)}
	case "direction":
		return []string{string(Inbound), string(Outbound), string(Internal)}
	case "email_status":
		return []string{"sent", "bounced", "forwarded"}
	}
	return nil
}
