package config

import (
	"fmt"
	"regexp"
	"strings"
)

// APIKey lets a caller in; its name stands in the audit log for whoever holds it.
type APIKey struct {
	Name string
	Key  Secret
}

const (
	keysVariable = "ACMESYNC_API_KEYS"
	minKeyChars  = 24
	minDistinct  = 8
)

// apiKeys reads name:key,name:key. Faults name a key by its place and name, never by itself.
func apiKeys(text string, f *Faults) []APIKey {
	if text == "" {
		f.add(keysVariable, "is not set", "set it to name:key, with a random key of at least 24 characters")
		return nil
	}
	allowed := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	var keys []APIKey
	names, values := map[string]bool{}, map[string]bool{}
	for i, entry := range strings.Split(text, ",") {
		name, key, ok := strings.Cut(strings.TrimSpace(entry), ":")
		place := fmt.Sprintf("entry %d", i+1)
		if !ok || !allowed.MatchString(name) {
			f.add(keysVariable, place+" is not name:key", "use a name of letters, digits, dots and dashes, a colon, then the key")
			continue
		}
		place += " (" + name + ")"
		switch {
		case len(key) < minKeyChars:
			f.add(keysVariable, place+" is too short", "use at least 24 random characters, such as from `openssl rand -base64 33`")
		case !sendable(key):
			f.add(keysVariable, place+" holds a space or a character outside ASCII", "use characters that fit a header")
		case guessable(key):
			f.add(keysVariable, place+" can be guessed", "use random characters, such as from `openssl rand -base64 33`")
		case names[name]:
			f.add(keysVariable, place+" has the name of another entry", "give every key a name of its own: it is the actor in the audit log")
		case values[key]:
			f.add(keysVariable, place+" has the key of another entry", "give every caller a key of its own")
		}
		names[name], values[key] = true, true
		keys = append(keys, APIKey{Name: name, Key: Secret{key}})
	}
	return keys
}

func sendable(key string) bool {
	return strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// guessable finds placeholders that were never replaced, and keys typed with one finger.
func guessable(key string) bool {
	lower := strings.ToLower(key)
	for _, word := range []string{"example", "changeme", "change-me", "change_me", "placeholder", "your-key", "secret-key", "fill-in"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	distinct := map[rune]bool{}
	for _, r := range key {
		distinct[r] = true
	}
	return len(distinct) < minDistinct
}
