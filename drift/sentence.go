package drift

import (
	"fmt"

	"acmesync"
)

// Sentence tells people what has drifted, and what it means for them.
func Sentence(d acmesync.Drift) string {
	switch d.Finding {
	case acmesync.UnknownField:
		return fmt.Sprintf("Acme's %s have a field that the contract does not know: %s. Nothing uses it until a mapping does.", d.Stream, d.Field)
	case acmesync.FieldGone:
		return fmt.Sprintf("Acme's %s have lost the field %s, which nearly all of them had. What is mapped from it stays empty or parks.", d.Stream, d.Field)
	case acmesync.TypeChanged:
		return fmt.Sprintf("The field %s of Acme's %s has values of another type than the contract says. Records that have one may park.", d.Field, d.Stream)
	default:
		return fmt.Sprintf("The field %s of Acme's %s has a word that the contract does not list. Records that have it may park.", d.Field, d.Stream)
	}
}
