package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// The same accounts, spoken to as if they were other CRMs: see package dialects. Reads and subscriptions only.
func (s *Server) dialectRoutes(mux *http.ServeMux) {
	s.hubRoutes(mux)
	s.pipeRoutes(mux)
	mux.HandleFunc("/dialects/", func(w http.ResponseWriter, _ *http.Request) { s.fail(w, errNoSuchPath) })
}

// typed reads records back from the bytes that are kept of them.
func typed[T any](raws [][]byte) []T {
	records := make([]T, 0, len(raws))
	for _, raw := range raws {
		var record T
		if json.Unmarshal(raw, &record) == nil {
			records = append(records, record)
		}
	}
	return records
}

// shown is the records in a dialect's words, without those that it has no words for.
func shown[T any](records []T, say func(T) map[string]any) []map[string]any {
	list := make([]map[string]any, 0, len(records))
	for _, record := range records {
		if said := say(record); said != nil {
			list = append(list, said)
		}
	}
	return list
}

// window asks for a page; spoiled records spoil it as they do Acme's own.
func (c *call) window(q accounts.ListQuery) (accounts.Listing, error) {
	q.Lag = c.faults.Lag()
	l := c.account.List(c.resource, q)
	if slices.ContainsFunc(l.IDs, func(id string) bool { return slices.Contains(c.faults.BadIDs, id) }) {
		return l, errSpoiled
	}
	return l, nil
}

// everything is all records of a resource, deleted ones included.
func (c *call) everything(resource acme.Resource) [][]byte {
	var all [][]byte
	q := accounts.ListQuery{Limit: 1000, IncludeDeleted: true}
	for {
		l := c.account.List(resource, q)
		all = append(all, l.Raws...)
		if l.Next == nil {
			return all
		}
		q.After = l.Next
	}
}

// number reads a parameter that is a whole number within bounds.
func (c *call) number(name string, otherwise, least, most int) (int, error) {
	word := c.r.URL.Query().Get(name)
	if word == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < least || n > most {
		return 0, badRequest("invalid_parameter", name+" is no number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+".")
	}
	return n, nil
}
