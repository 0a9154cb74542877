package acme

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// item makes an item of a row. What cannot be made one has no id and keeps the row as it came, with its line.
func (r *FileReader) item(row csvRow, line int64) Item {
	tree, problem := r.tree(row)
	if problem == "" {
		var item Item
		s := scanner{data: r.layout.record.canonical(tree), limit: maxPageDepth}
		if item, _ = s.item(); item.ID != "" {
			return item
		}
		problem = "it has no usable id, version or time of change"
	}
	return badRow(line, problem, row.text)
}

// tree is a row as column and text. An empty cell is none.
func (r *FileReader) tree(row csvRow) (map[string]any, string) {
	if row.problem != "" {
		return nil, row.problem
	}
	if n := len(r.place.Columns); len(row.cells) != n {
		return nil, fmt.Sprintf("it has %d cells where the header names %d columns", len(row.cells), n)
	}
	if bytes.IndexByte(row.text, 0) >= 0 {
		return nil, "it holds a NUL character"
	}
	decode := r.layout.latin1 && !r.place.Marked
	if !decode && !utf8.Valid(row.text) {
		return nil, "it is not UTF-8"
	}
	tree := make(map[string]any, len(row.cells))
	for i, cell := range row.cells {
		if cell == "" {
			continue
		}
		if decode {
			var ok bool
			if cell, ok = latin1(cell); !ok {
				return nil, "it holds a byte that is no character of Latin-1"
			}
		}
		tree[r.place.Columns[i]] = cell
	}
	return tree, ""
}

// badRow is a row that parks: its line, what is wrong with it, and all of it for a person to see.
func badRow(line int64, problem string, text []byte) Item {
	note := map[string]any{"line": line, "problem": problem}
	if utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 {
		note["text"] = string(text)
	} else {
		note["bytes"] = text
	}
	return Item{Raw: encodeJSON(note)}
}

// BadRow is the line and the problem of a row that has parked; ok is false for any other raw item.
func BadRow(raw []byte) (line int64, problem, text string, ok bool) {
	value, sound := treeOf(raw)
	note, isObject := value.(map[string]any)
	if !sound || !isObject || len(note) != 3 {
		return 0, "", "", false
	}
	number, _ := asText(note["line"])
	line, err := strconv.ParseInt(number, 10, 64)
	problem, _ = note["problem"].(string)
	for _, name := range slices.Sorted(maps.Keys(note)) {
		if name == "text" || name == "bytes" {
			text, ok = note[name].(string)
		}
	}
	return line, problem, text, ok && err == nil && problem != ""
}
