package calendar

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Cursors are opaque to others: which sort of list, and the place in it.

func cursor(sort string, at int) string { return seal(sort, strconv.Itoa(at)) }

func decodeCursor(sort, raw string) (at int, ok bool) {
	parts := unseal(raw)
	if len(parts) != 2 || parts[0] != sort {
		return 0, false
	}
	at, err := strconv.Atoi(parts[1])
	return at, err == nil && at >= 0
}

func encodeCellCursor(k cellKey) string { return seal("c", k.user, k.day, k.channel, k.direction) }

// decodeCellCursor takes the empty cursor for the start, which is before every cell.
func decodeCellCursor(raw string) (after cellKey, ok bool) {
	if raw == "" {
		return cellKey{}, true
	}
	parts := unseal(raw)
	if len(parts) != 5 || parts[0] != "c" {
		return cellKey{}, false
	}
	return cellKey{parts[1], parts[2], parts[3], parts[4]}, true
}

func seal(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "\n")))
}

func unseal(raw string) []string {
	text, err := base64.RawURLEncoding.DecodeString(raw)
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}
