package config

import (
	"fmt"
	"log/slog"
)

// Secret is a value that no log line, error or answer may show. Every way of printing it says [redacted]; only
// Reveal gives it out.
type Secret struct{ value string }

const redacted = "[redacted]"

// NewSecret hides a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal gives the value to whoever has to use it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no value at all.
func (s Secret) Empty() bool { return s.value == "" }

// String hides the value.
func (s Secret) String() string { return redacted }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return redacted }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText hides the value from encoders of text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON hides the value from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
