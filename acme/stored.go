package acme

import (
	"errors"
	"unicode/utf8"
)

// ReadItems takes a stored page apart: the items of earlier answers, joined as one JSON array.
func ReadItems(array []byte) ([]Item, error) {
	var items []Item
	s := scanner{data: array, limit: maxPageDepth}
	if !utf8.Valid(array) || !s.items(&items) || !s.end() {
		return nil, errors.New("read stored items: not a JSON array")
	}
	return items, nil
}

// JoinItems stores items as they arrived, as one JSON array.
func JoinItems(items []Item) []byte {
	size := 2
	for _, item := range items {
		size += len(item.Raw) + 1
	}
	b := append(make([]byte, 0, size), '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item.Raw...)
	}
	return append(b, ']')
}
