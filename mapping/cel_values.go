package mapping

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// celType is how expressions call a kind.
func celType(k shape) *types.Type {
	switch k {
	case shapeNumber:
		return types.IntType
	case shapeBool:
		return types.BoolType
	case shapeTexts:
		return types.NewListType(types.StringType)
	case shapeInstant:
		return types.TimestampType
	case shapeMoment:
		return types.NewObjectType("Moment")
	case shapePerson:
		return types.NewObjectType("Contact")
	case shapePeople:
		return types.NewListType(types.NewObjectType("Contact"))
	case shapeAny:
		return types.DynType
	default:
		return types.StringType
	}
}

// known tells the expression language what the catalog's objects hold. Everything else it knows by itself.
type known struct {
	*types.Registry
	objects map[string]*object
}

func newKnown(c *catalog) (*known, error) {
	base, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("set up expression types: %w", err)
	}
	k := &known{Registry: base, objects: map[string]*object{}}
	for _, o := range []*object{c.appointment, c.person, c.user, c.account, c.event, c.moment} {
		k.objects[o.name] = o
	}
	return k, nil
}

func (k *known) FindStructType(name string) (*types.Type, bool) {
	if _, ok := k.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return nil, false
}

func (k *known) FindStructFieldNames(name string) ([]string, bool) {
	o, ok := k.objects[name]
	if !ok {
		return nil, false
	}
	return o.names(), true
}

func (k *known) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o, ok := k.objects[name]
	if !ok {
		return nil, false
	}
	p, ok := o.property(field)
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type:    celType(p.shape),
		IsSet:   func(of any) bool { return !empty(p.get(of)) },
		GetFrom: func(of any) (any, error) { return k.val(p.get(of)), nil },
	}, true
}

func (k *known) NewValue(string, map[string]ref.Val) ref.Val {
	return types.WrapErr(errors.New("such values can't be made"))
}

// val makes what a property holds fit for expressions.
func (k *known) val(v any) ref.Val {
	switch v := v.(type) {
	case []person:
		list := make([]ref.Val, len(v))
		for i := range v {
			list[i] = thing{k, k.objects["Contact"], &v[i]}
		}
		return types.NewRefValList(k.Registry, list)
	case *person:
		return thing{k, k.objects["Contact"], v}
	case *moment:
		return thing{k, k.objects["Moment"], v}
	case time.Time:
		return types.Timestamp{Time: v}
	case []string:
		list := make([]string, len(v))
		for i := range v {
			list[i] = cut(v[i])
		}
		return types.NewStringList(k.Registry, list)
	case string:
		return types.String(cut(v))
	}
	return k.NativeToValue(v)
}

// cut bounds a text that expressions read: one pattern matched against a megabyte takes a second before its cost is charged.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

func empty(v any) bool {
	switch v := v.(type) {
	case *moment:
		return v.at.IsZero()
	case time.Time:
		return v.IsZero()
	case []person:
		return len(v) == 0
	case []string:
		return len(v) == 0
	}
	return v == nil || reflect.ValueOf(v).IsZero()
}

// thing is an object as expressions hold it.
type thing struct {
	known *known
	of    *object
	value any // what the object's properties are read from
}

func (t thing) ConvertToNative(as reflect.Type) (any, error) {
	if reflect.TypeOf(t.value).AssignableTo(as) {
		return t.value, nil
	}
	return nil, errors.New("an object is no plain value")
}

func (t thing) ConvertToType(as ref.Type) ref.Val {
	if as == types.TypeType {
		return types.NewObjectType(t.of.name)
	}
	return types.NewErr("type conversion error")
}

func (t thing) Equal(other ref.Val) ref.Val {
	o, ok := other.(thing)
	return types.Bool(ok && t.of == o.of && t.same(o))
}

func (t thing) same(o thing) bool {
	if a, ok := t.value.(*moment); ok {
		return a.Moment == o.value.(*moment).Moment
	}
	if a, ok := t.value.(*person); ok {
		return a.ID == o.value.(*person).ID
	}
	return t.value == o.value
}

func (t thing) Type() ref.Type { return types.NewObjectType(t.of.name) }
func (t thing) Value() any     { return t.value }

// Get reads a property where the type was not known before.
func (t thing) Get(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.NewErr("no such overload")
	}
	p, ok := t.of.property(string(name))
	if !ok {
		return types.NewErr("no such key")
	}
	return t.known.val(p.get(t.value))
}

// IsSet tells whether a property is there and holds something.
func (t thing) IsSet(index ref.Val) ref.Val {
	name, ok := index.(types.String)
	if !ok {
		return types.NewErr("no such overload")
	}
	p, ok := t.of.property(string(name))
	return types.Bool(ok && !empty(p.get(t.value)))
}
