package activities

import (
	"math/bits"

	"acmesync"
)

// An envelope whose attempts do not come back holds a record that ends the process: its claims were committed, its end was
// not. From the third claim on it comes alone, and each claim takes half of what the one before took, until one record is
// left and parks without being opened. Progress starts the halving again for the rest.

// portion is how many records of a page may be opened at this claim; -1: all.
func portion(p acmesync.Page) int {
	if p.Tries < acmesync.PoisonTries {
		return -1
	}
	return max(p.Records>>(p.Tries-acmesync.PoisonTries+1), 1)
}

// spent reports whether even a single record was tried in vain.
func spent(p acmesync.Page) bool {
	return p.Tries > acmesync.PoisonTries+bits.Len(uint(p.Records)) //nolint:gosec // a count of records is not negative
}
