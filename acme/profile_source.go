package acme

import (
	"bytes"
	"encoding/json"
)

// Source is where a field's value lies in what the tenant's Acme sends, and how it is written there. In a document it is
// a path, a list of paths, or an object. A value that cannot be turned into the canonical form passes as it came: the
// decoder, or the mapping, then names the field.
type Source struct {
	From    Paths             `json:"from,omitempty"`    // the first that holds a value; lists gather all
	Default string            `json:"default,omitempty"` // where none does; alone: a constant
	Join    string            `json:"join,omitempty"`    // instead of the first: all of them, joined
	Split   string            `json:"split,omitempty"`   // a text that holds several values
	Before  string            `json:"before,omitempty"`  // only what stands before this text
	Enum    map[string]string `json:"enum,omitempty"`    // their word → ours; "*": any other

	Time     string `json:"time,omitempty"`      // rfc3339 (the default), unix_s, unix_ms, unix_us, local
	Zone     string `json:"zone,omitempty"`      // IANA, of local times; of instants: what they are shown in
	ZoneFrom string `json:"zone_from,omitempty"` // where the zone lies
	Date     string `json:"date,omitempty"`      // start, end: where the date lies, beside
	Clock    string `json:"clock,omitempty"`     // where the time of day lies; no value there: all day
	AllDay   string `json:"all_day,omitempty"`   // where a flag says that only the date counts
	Duration string `json:"duration,omitempty"`  // end: where the length lies, counted from start
	Unit     string `json:"unit,omitempty"`      // of a length: ms (the default), s, min, hh:mm
	Flag     string `json:"flag,omitempty"`      // deleted_at: where a flag says it; from names the time, else updated_at's
}

// Paths are places in a JSON document: keys joined by dots, [] for every element of an array, [0] for its first.
type Paths []string

// UnmarshalJSON takes one path, a list of them, or an object.
func (s *Source) UnmarshalJSON(raw []byte) error {
	type plain Source
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] != '{' {
		*s = Source{}
		return json.Unmarshal(raw, &s.From)
	}
	var p plain
	err := json.Unmarshal(raw, &p)
	*s = Source(p)
	return err
}

// UnmarshalJSON takes one path or a list of them.
func (p *Paths) UnmarshalJSON(raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '"' {
		var one string
		err := json.Unmarshal(raw, &one)
		*p = Paths{one}
		return err
	}
	var all []string
	err := json.Unmarshal(raw, &all)
	*p = all
	return err
}

// UnmarshalJSON takes the document's parts alone: a batch get is described whole or not at all.
func (b *BatchShape) UnmarshalJSON(raw []byte) error {
	type plain BatchShape
	var p plain
	err := json.Unmarshal(raw, &p)
	*b = BatchShape(p)
	return err
}
