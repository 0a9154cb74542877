package main

import (
	"github.com/getkin/kin-openapi/openapi3"
)

// jsonSchema writes a schema of the contract in the words of JSON Schema, where null is a type of its own. References are
// written out: the contract has none that come back to themselves. Formats are left to the contract's own tests.
func jsonSchema(s *openapi3.Schema) map[string]any {
	out := map[string]any{}
	if s.Type != nil && len(s.Type.Slice()) > 0 {
		out["type"] = s.Type.Slice()[0]
		if s.Nullable {
			out["type"] = []string{s.Type.Slice()[0], "null"}
		}
	}
	if len(s.Required) > 0 {
		out["required"] = s.Required
	}
	if len(s.Enum) > 0 {
		out["enum"] = s.Enum
	}
	if s.Pattern != "" {
		out["pattern"] = s.Pattern
	}
	if s.MinLength > 0 && !s.Nullable {
		out["minLength"] = s.MinLength
	}
	if s.Min != nil {
		out["minimum"] = *s.Min
	}
	if s.Items != nil {
		out["items"] = jsonSchema(s.Items.Value)
	}
	if len(s.Properties) > 0 {
		properties := map[string]any{}
		for name, one := range s.Properties {
			properties[name] = jsonSchema(one.Value)
		}
		out["properties"] = properties
	}
	if len(s.AllOf) > 0 {
		var all []any
		for _, one := range s.AllOf {
			all = append(all, jsonSchema(one.Value))
		}
		out["allOf"] = all
	}
	return out
}
