package drift

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"acmesync/acme"

	"github.com/getkin/kin-openapi/openapi3"
)

// Field is what Acme's contract says of one field.
type Field struct {
	Path     string // from the record: start.time_zone, contact_ids[]
	Type     string // string, integer, boolean, number, array, object
	Format   string // date-time, int64 …
	Required bool   // by the object that holds it
	Nullable bool
	Words    []string // of an enumeration

	name    string
	schema  *openapi3.Schema
	pattern *regexp.Regexp
	object  *object // of objects
	item    *Field  // of arrays
}

// object is the fields of an object; an open one takes any.
type object struct {
	fields []*Field
	open   bool
}

func (o *object) field(name string) *Field {
	for _, f := range o.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// contract is read once: it is embedded, and broken only where a test shows it.
var contract = sync.OnceValues(func() (map[acme.Resource]*object, error) {
	doc, err := openapi3.NewLoader().LoadFromData(acme.Spec)
	if err != nil {
		return nil, fmt.Errorf("read Acme's contract: %w", err)
	}
	all := map[acme.Resource]*object{}
	for resource, name := range map[acme.Resource]string{
		acme.Appointments: "Appointment", acme.Touchpoints: "Touchpoint", acme.Contacts: "Contact", acme.Users: "User",
	} {
		schema := doc.Components.Schemas[name]
		if schema == nil || schema.Value == nil {
			return nil, fmt.Errorf("read Acme's contract: it has no %s", name)
		}
		if all[resource], err = objectOf("", schema.Value); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// Fields are the contract's fields of a resource, those within objects and lists among them, by path.
func Fields(r acme.Resource) ([]*Field, error) {
	all, err := contract()
	if err != nil {
		return nil, err
	}
	var out []*Field
	var walk func(o *object)
	walk = func(o *object) {
		for _, f := range o.fields {
			for ; f != nil; f = f.item {
				out = append(out, f)
				if f.object != nil {
					walk(f.object)
				}
			}
		}
	}
	walk(all[r])
	return out, nil
}

func objectOf(path string, schema *openapi3.Schema) (*object, error) {
	o := &object{open: schema.AdditionalProperties.Has != nil && *schema.AdditionalProperties.Has}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		f, err := fieldOf(path+name, schema.Properties[name].Value)
		if err != nil {
			return nil, err
		}
		f.name, f.Required = name, slices.Contains(schema.Required, name)
		o.fields = append(o.fields, f)
	}
	return o, nil
}

func fieldOf(path string, schema *openapi3.Schema) (f *Field, err error) {
	f = &Field{Path: path, Format: schema.Format, Nullable: schema.Nullable, schema: schema}
	switch {
	case schema.Type != nil && len(schema.Type.Slice()) > 0:
		f.Type = schema.Type.Slice()[0]
	case len(schema.Properties) > 0:
		f.Type = "object"
	}
	for _, word := range schema.Enum {
		f.Words = append(f.Words, fmt.Sprint(word))
	}
	if schema.Pattern != "" {
		if f.pattern, err = regexp.Compile(schema.Pattern); err != nil {
			return nil, fmt.Errorf("read the pattern of %s: %w", path, err)
		}
	}
	switch f.Type {
	case "object":
		f.object, err = objectOf(path+".", schema)
	case "array":
		f.item, err = fieldOf(path+"[]", schema.Items.Value)
	}
	return f, err
}
