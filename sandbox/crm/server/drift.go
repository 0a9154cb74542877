package server

import (
	"encoding/json"
)

// drifted is records as the switches want them read.
func (c *call) drifted(raws ...[]byte) [][]byte {
	if !c.faults.Drift.On() || !c.faults.Touches(c.resource) || c.resource == "" {
		return raws
	}
	out := make([][]byte, len(raws))
	for i, raw := range raws {
		var record map[string]any
		if out[i] = raw; json.Unmarshal(raw, &record) != nil {
			continue
		}
		c.drift(record)
		if shown, err := json.Marshal(record); err == nil {
			out[i] = shown
		}
	}
	return out
}

func (c *call) drift(record map[string]any) {
	f := c.faults.Drift
	for field, word := range f.Words {
		if _, has := record[field]; has {
			record[field] = word
		}
	}
	for _, field := range f.Retype {
		if value, has := record[field]; has {
			record[field] = retyped(value)
		}
	}
	for field, name := range f.Rename {
		if value, has := record[field]; has {
			delete(record, field)
			record[name] = value
		}
	}
	for _, field := range f.Add {
		record[field] = "new"
	}
}

// retyped is a value in another type: texts become numbers, all else becomes a text.
func retyped(value any) any {
	switch v := value.(type) {
	case string:
		return len(v)
	case nil:
		return nil
	default:
		text, _ := json.Marshal(v) // it was read from JSON
		return string(text)
	}
}
