package mapping

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// sentence says what is wrong with a value and what would do. It quotes no value: they may be people's.
func sentence(e jsonschema.ErrorKind) (message, hint string) {
	switch k := e.(type) {
	case *kind.Type:
		return fmt.Sprintf("This is of type %s, and must be %s.", k.Got, strings.Join(k.Want, " or ")), ""
	case *kind.Enum:
		allowed := words(k.Want)
		hint = "Use one of " + strings.Join(allowed, ", ") + "."
		if typed, ok := k.Got.(string); ok {
			if near := closest(typed, allowed); near != "" {
				hint = "Did you mean " + near + "? Allowed are " + strings.Join(allowed, ", ") + "."
			}
		}
		return "This word is not known here.", hint
	case *kind.Minimum:
		return "This is too small.", "Use " + rational(k.Want) + " or more."
	case *kind.Maximum:
		return "This is too large.", "Use " + rational(k.Want) + " or less."
	case *kind.MinLength:
		return fmt.Sprintf("This must have at least %d characters.", k.Want), "Leave it out for the default."
	case *kind.MaxLength:
		return fmt.Sprintf("This has %d characters; at most %d are taken.", k.Got, k.Want), ""
	case *kind.MaxItems:
		return fmt.Sprintf("This list has %d entries; at most %d are taken.", k.Got, k.Want), ""
	case *kind.MaxProperties:
		return fmt.Sprintf("There are %d entries; at most %d are taken.", k.Got, k.Want), ""
	case *kind.UniqueItems:
		return fmt.Sprintf("Entries %d and %d are the same.", k.Duplicates[0]+1, k.Duplicates[1]+1), "Leave one of them out."
	case *kind.Pattern:
		return "This is not written as it must be.", patternHint(k.Want)
	}
	return "This is not as the schema describes it.", ""
}

func patternHint(pattern string) string {
	if strings.Contains(pattern, ":") {
		return "Write a time of day from 00:00 to 23:59, such as 22:00."
	}
	return "Write two capital letters, such as US or DE."
}

func rational(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return r.FloatString(2)
}

func words(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}
