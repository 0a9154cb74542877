package mapping

import (
	"errors"
	"time"

	"acmesync"
)

// RulesVersion is raised when the mapping changes what it writes: every record is then written again.
const RulesVersion = 1

// Settings are what a tenant's connection brings to the mapping.
type Settings struct {
	Region   string // ISO 3166-1 alpha-2: where a phone number without country code belongs
	TimeZone string // of the account, IANA
}

// Skip is the error for a record that is left out on purpose. There is nothing to repair.
type Skip struct {
	Code  acmesync.Code
	Field string // of the Acme record, the one that decided
	// Again is when the record would come out differently though nothing about it changed; zero: never.
	Again time.Time `json:",omitzero"`
}

func (s *Skip) Error() string { return "left out: " + string(s.Code) + " (" + s.Field + ")" }

func isSkip(err error) bool {
	var s *Skip
	return errors.As(err, &s)
}

func skip(code acmesync.Code, field string) error {
	return &Skip{Code: code, Field: field}
}

func park(code acmesync.Code, field, message string) error {
	return &acmesync.Fault{Code: code, Field: field, Message: message}
}
