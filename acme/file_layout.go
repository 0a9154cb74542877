package acme

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	stdpath "path"
	"strings"
)

// FilesShape is how an account's records come as CSV files, and where the files are picked up.
type FilesShape struct {
	// Only says that there is no API to ask: nothing is subscribed to, polled or read by id.
	Only         bool        `json:"only,omitempty"`
	Source       *FileSource `json:"source,omitempty"`
	Appointments *FileShape  `json:"appointments,omitempty"`
	Touchpoints  *FileShape  `json:"touchpoints,omitempty"`
	Contacts     *FileShape  `json:"contacts,omitempty"`
	Users        *FileShape  `json:"users,omitempty"`
}

// FileSource is where files are picked up: a folder below the one that is set aside for the tenant, or a bucket.
type FileSource struct {
	Folder string `json:"folder,omitempty"`
	URL    string `json:"url,omitempty"`    // of the bucket
	Prefix string `json:"prefix,omitempty"` // of the objects in it
	Region string `json:"region,omitempty"` // that signatures name; empty: us-east-1
}

// FileShape is how one stream's files are written. What it leaves out is as Acme exports them.
type FileShape struct {
	Names     string            `json:"names,omitempty"`     // which files are this stream's, such as "visits-*.csv"
	Delimiter string            `json:"delimiter,omitempty"` // empty: whichever of , ; and tab the header line has most of
	Encoding  string            `json:"encoding,omitempty"`  // utf-8 (the default), latin1
	Zone      string            `json:"zone,omitempty"`      // of times without an offset
	ZoneFrom  string            `json:"zone_from,omitempty"` // the column that names it
	Trailer   *string           `json:"trailer"`             // what the last row begins with; its second cell counts the rows
	Fields    map[string]Source `json:"fields,omitempty"`    // from: names of columns
}

// DefaultTrailer begins the last row of Acme's own exports.
const DefaultTrailer = "#end"

// FileLayout is how one stream's files are read.
type FileLayout struct {
	Resource  Resource
	Names     string
	delimiter byte // 0: found in the header line
	latin1    bool
	trailer   string // empty: none
	record    record
	keys      map[string][]string // columns one of which has to be there, by field
	stamp     string
}

// Takes tells by its name whether a file is this stream's.
func (l *FileLayout) Takes(name string) bool {
	fits, err := stdpath.Match(l.Names, name)
	return err == nil && fits
}

// Stamp changes when the layout does: rows read by another one are not these.
func (l *FileLayout) Stamp() string { return l.stamp }

// FilesOnly tells whether the account has no API and is known from files alone.
func (p *Profile) FilesOnly() bool { return p != nil && p.Files != nil && p.Files.Only }

// FileSource is where the account's files are picked up; nil: nowhere.
func (p *Profile) FileSource() *FileSource {
	if p == nil || p.Files == nil {
		return nil
	}
	return p.Files.Source
}

// FileLayout is how a stream's files are read: as the profile says, else as Acme exports them.
func (p *Profile) FileLayout(r Resource) *FileLayout {
	if p != nil && p.files[r] != nil {
		return p.files[r]
	}
	return (&profileCheck{}).layout("", r, *ownFile())
}

func ownFile() *FileShape {
	end := DefaultTrailer
	return &FileShape{Trailer: &end}
}

// ownFiles prepares what a document about files is read into.
func ownFiles(document any) *FilesShape {
	given, ok := document.(map[string]any)
	if !ok {
		return nil
	}
	f := &FilesShape{}
	for _, r := range []Resource{Appointments, Touchpoints, Contacts, Users} {
		if given[string(r)] != nil {
			*f.shape(r) = ownFile()
		}
	}
	return f
}

func (f *FilesShape) shape(r Resource) **FileShape {
	switch r {
	case Appointments:
		return &f.Appointments
	case Touchpoints:
		return &f.Touchpoints
	case Contacts:
		return &f.Contacts
	default:
		return &f.Users
	}
}

// files compiles what a profile says about files.
func (c *profileCheck) files(p *Profile) {
	if p.Files == nil {
		return
	}
	p.files = map[Resource]*FileLayout{}
	for _, r := range []Resource{Appointments, Touchpoints, Contacts, Users} {
		if shape := *p.Files.shape(r); shape != nil {
			p.files[r] = c.layout("/files/"+string(r), r, *shape)
		}
	}
	if p.Files.Source != nil {
		c.fileSource(*p.Files.Source)
	}
}

func (c *profileCheck) fileSource(s FileSource) {
	const at = "/files/source"
	switch {
	case (s.Folder == "") == (s.URL == ""):
		c.add(at, "must name a folder or a url", `such as {"folder": "nightly"} or {"url": "https://files.example.com/bucket", "prefix": "acme/"}`)
	case s.Folder != "" && (stdpath.IsAbs(s.Folder) || !localPath(s.Folder)):
		c.add(at+"/folder", "must be a path below the folder that is set aside for the tenant", `such as "nightly"; "." is that folder itself`)
	case s.Folder != "" && s.Prefix != "":
		c.add(at+"/prefix", "goes with a url only", "")
	}
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			c.add(at+"/url", "must be a bucket's address", `such as "https://files.example.com/bucket", without a query or a password`)
		}
	}
	if strings.Trim(s.Region, letters+digits+"-") != "" || len(s.Region) > 50 || s.Region != "" && s.URL == "" {
		c.add(at+"/region", "must be the region of the bucket", `such as "eu-central-1"; it goes with a url only`)
	}
	if len(s.Prefix) > 500 {
		c.add(at+"/prefix", "must have at most 500 characters", "")
	}
}

// localPath tells whether a path stays below where it starts.
func localPath(p string) bool {
	if strings.ContainsAny(p, "\\\x00") || len(p) > 500 {
		return false
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

// columnPath is the column of that very name.
func columnPath(text string) (path, bool) {
	return path{{key: text}}, text != "" && len(text) <= 512
}

func (c *profileCheck) layout(at string, r Resource, shape FileShape) *FileLayout {
	columns, xml := c.columns, c.xml
	c.columns, c.xml = true, false
	defer func() { c.columns, c.xml = columns, xml }()
	l := &FileLayout{Resource: r, Names: shape.Names, latin1: shape.Encoding == "latin1"}
	if l.Names == "" {
		l.Names = string(r) + "*.csv"
	}
	if _, err := stdpath.Match(l.Names, "a"); err != nil || strings.Contains(l.Names, "/") {
		c.add(at+"/names", "must be a name in which * stands for anything", `such as "visits-*.csv"`)
	}
	switch shape.Delimiter {
	case "":
	case ",", ";", "\t":
		l.delimiter = shape.Delimiter[0]
	default:
		c.add(at+"/delimiter", "must be a comma, a semicolon or a tab", "leave it out: it is found in the header line")
	}
	if shape.Encoding != "" {
		c.oneOf(at+"/encoding", shape.Encoding, "utf-8", "latin1")
	}
	if shape.Trailer != nil {
		if l.trailer = *shape.Trailer; l.trailer == "" || len(l.trailer) > 100 {
			c.add(at+"/trailer", "must be what the last row begins with", "write null where files have no such row")
		}
	}
	fields := fileFields(r)
	maps.Copy(fields, shape.Fields)
	for name, spec := range fields {
		_, given := shape.Fields[name]
		if shape.Zone == "" && shape.ZoneFrom == "" || spec.Zone != "" || given && (spec.ZoneFrom != "" || spec.Time != "local" && spec.Date == "") {
			continue
		}
		if kind := kindOf(r, name); kind != instantField && kind != momentField {
			continue
		}
		if spec.Zone = shape.Zone; spec.ZoneFrom == "" || shape.ZoneFrom != "" {
			spec.ZoneFrom = shape.ZoneFrom
		}
		if spec.Date == "" && spec.Duration == "" {
			spec.Time = "local"
		}
		fields[name] = spec
	}
	l.record = c.record(at+"/fields", canonicalFields(r), fields, true)
	l.keys = map[string][]string{"id": fields["id"].From, "updated_at": fields["updated_at"].From}
	for _, name := range []string{"id", "updated_at"} {
		if s := fields[name]; s.Default != "" || len(s.From) == 0 {
			c.add(at+"/fields/"+name, "must come from a column", "")
		}
	}
	sum := sha256.Sum256(encodeJSON(shape))
	l.stamp = hex.EncodeToString(sum[:8])
	return l
}

func kindOf(r Resource, field string) fieldKind {
	for _, f := range canonicalFields(r) {
		if f.name == field {
			return f.kind
		}
	}
	return objectField
}

// fileFields are the columns of Acme's own exports: a column has its field's name, several values are separated by bars, and a
// time's zone stands in a column of its own.
func fileFields(r Resource) map[string]Source {
	fields := map[string]Source{}
	for _, f := range canonicalFields(r) {
		column := strings.TrimPrefix(f.name, "recurrence.")
		s := Source{From: Paths{column}}
		switch f.kind {
		case textsField:
			s.Split = "|"
		case momentField:
			s.Time, s.ZoneFrom = "local", column+"_time_zone"
		case objectField:
			continue
		default: // one cell is one value
		}
		fields[f.name] = s
	}
	return fields
}
