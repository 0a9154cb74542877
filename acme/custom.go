package acme

import (
	"encoding/json"
	"strings"
)

// WithCustom lays a value under custom.<name> of an appointment, in place of what stood there. A record that cannot be read stays as it
// is: whoever decodes it says why.
func WithCustom(raw []byte, name string, value json.RawMessage) []byte {
	if _, err := DecodeAppointment(raw); err != nil {
		return raw
	}
	var fields, custom map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return raw
	}
	if text, there := fields["custom"]; there && json.Unmarshal(text, &custom) != nil {
		return raw
	}
	if custom == nil {
		custom = map[string]json.RawMessage{}
	}
	custom[name] = value
	text, err := json.Marshal(custom)
	if err != nil {
		return raw
	}
	fields["custom"] = text
	whole, err := json.Marshal(fields)
	if err != nil {
		return raw
	}
	return whole
}

// TextAt is the text or number at a place in a record, keys joined by dots; empty: there is none.
func TextAt(raw []byte, place string) string {
	value, ok := treeOf(raw)
	if !ok {
		return ""
	}
	for key := range strings.SplitSeq(place, ".") {
		object, isObject := value.(map[string]any)
		if !isObject {
			return ""
		}
		value = object[key]
	}
	if _, flag := value.(bool); flag {
		return ""
	}
	text, _ := asText(value)
	return text
}
