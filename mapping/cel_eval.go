package mapping

import (
	"errors"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"acmesync/app"
)

// scope names the variables of one evaluation.
type scope struct {
	known  *known
	record *record
}

// evaluation is a rule's expression, ready for any record.
func (l *language) evaluation(program cel.Program, t *target) func(*record) (any, cause) {
	return func(r *record) (any, cause) {
		out, _, err := program.Eval(&scope{l.known, r})
		if err != nil {
			return nil, why(err)
		}
		return native(out, t)
	}
}

// ResolveName gives a variable its value.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "appointment":
		return thing{s.known, s.known.objects["Appointment"], s.record}, true
	case "contact":
		return thing{s.known, s.known.objects["Contact"], s.record.contact()}, true
	case "contacts":
		return s.known.val(s.record.contacts()), true
	case "owner":
		return thing{s.known, s.known.objects["User"], &s.record.Owner}, true
	case "account":
		return thing{s.known, s.known.objects["Account"], &s.record.Settings}, true
	case "event":
		return thing{s.known, s.known.objects["Event"], s.record.event}, true
	case "custom":
		own, ok := s.record.custom()
		if !ok {
			return types.WrapErr(errCustom), true
		}
		return own, true
	}
	return nil, false
}

// Parent answers nil: there are no other variables.
func (s *scope) Parent() interpreter.Activation { return nil }

var errCustom = errors.New(customUnreadable)

// why says in people's words what went wrong. The library's own words may quote the record.
func why(err error) cause {
	for _, ours := range []error{errTooLong, errNoEntry, errNoTable, errNoZone, errNoTime, errNumber, errCustom} {
		if errors.Is(err, ours) {
			return cause(ours.Error())
		}
	}
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) {
		return "the expression takes too long"
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "no such key"):
		return "the expression reads a field that the record does not have"
	case strings.Contains(text, "no such overload"), strings.Contains(text, "conversion error"):
		return "a value is of another type than the expression expects"
	case strings.Contains(text, "index out of bounds"), strings.Contains(text, "invalid_argument"):
		return "the expression reads past the end of a list"
	case strings.Contains(text, "division by zero"), strings.Contains(text, "modulus by zero"):
		return "the expression divides by zero"
	case strings.Contains(text, "overflow"), strings.Contains(text, "out of range"):
		return "a number or a time gets out of range"
	}
	return "the expression has no answer"
}

// native makes a target's value of what an expression answers.
func native(out ref.Val, t *target) (any, cause) {
	switch v := out.(type) {
	case types.String:
		return string(v), ""
	case types.Timestamp:
		return v.Time, ""
	case thing:
		return v.value, ""
	case types.Null:
		return nil, ""
	case traits.Lister:
		if t.shape == shapePeople {
			return attendeesOf(v)
		}
	case types.Int, types.Double, types.Bool:
		return v.Value(), ""
	}
	return nil, "the expression's answer is of another type than the field takes"
}

func attendeesOf(list traits.Lister) (any, cause) {
	size, _ := list.Size().(types.Int)
	var out []app.Attendee
	for i := range min(size, maxAttendees) {
		switch one := list.Get(i).(type) {
		case thing:
			p, ok := one.value.(*person)
			if !ok {
				return nil, "one of the attendees is no contact"
			}
			out = append(out, attendee(p.Contact, p.region))
		case traits.Mapper:
			a, why := attendeeOf(one)
			if why != "" {
				return nil, why
			}
			out = append(out, a)
		default:
			return nil, "one of the attendees is neither a contact nor a map"
		}
	}
	return out, ""
}

// attendeeOf reads {"name": …, "email": …, "phone": …}.
func attendeeOf(m traits.Mapper) (app.Attendee, cause) {
	read := func(key string) string {
		value, found := m.Find(types.String(key))
		if !found {
			return ""
		}
		text, _ := textOf(value.Value())
		return strings.TrimSpace(text)
	}
	a := app.Attendee{Name: clip(read("name"), maxName), Email: email([]string{read("email")}), Phone: clip(read("phone"), maxTypedPhone)}
	for _, stand := range []string{a.Email, a.Phone, nameless} {
		if a.Name == "" {
			a.Name = stand
		}
	}
	return a, ""
}
