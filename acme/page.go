package acme

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// readPage takes the answer of a list, {"data":[…],"next_cursor":"…"|null}, in one pass. Both keys must be there:
// an answer without next_cursor would otherwise end a walk early and silently.
func readPage(body []byte) (items []Item, next string, ok bool) {
	s := scanner{data: bytes.TrimPrefix(body, []byte("\ufeff")), limit: maxPageDepth}
	var data, cursor bool
	ok = utf8.Valid(body) && s.object(func(key []byte) bool {
		switch string(key) {
		case "data":
			data = true
			return s.once(0) && s.items(&items)
		case "next_cursor":
			cursor = true
			return s.once(1) && s.text(&next)
		case "error":
			return s.null()
		}
		return s.skip()
	}) && s.end()
	if !ok || !data || !cursor {
		return nil, "", false
	}
	return items, next, true
}

// readBatch takes the answer of a batch get, {"data":[…],"missing":[…]}, in one pass. Both keys must be there: an id
// that is neither found nor missing would otherwise be taken for dealt with.
func readBatch(body []byte) (items []Item, missing []string, ok bool) {
	s := scanner{data: bytes.TrimPrefix(body, []byte("\ufeff")), limit: maxPageDepth}
	var data, rest bool
	ok = utf8.Valid(body) && s.object(func(key []byte) bool {
		switch string(key) {
		case "data":
			data = true
			return s.once(0) && s.items(&items)
		case "missing":
			rest = s.peek() == '['
			return s.once(1) && s.texts(&missing)
		case "error":
			return s.null()
		}
		return s.skip()
	}) && s.end()
	if !ok || !data || !rest {
		return nil, nil, false
	}
	return items, missing, true
}

func (s *scanner) items(dst *[]Item) bool {
	if s.peek() != '[' {
		return s.mismatch()
	}
	*dst = make([]Item, 0, 200)
	return s.array(func(int) bool {
		item, ok := s.item()
		if ok {
			*dst = append(*dst, item)
		}
		return ok
	})
}

// item reads one record for its keys. Only broken JSON fails; a record without usable keys comes back as Raw alone.
// Raw is a window on the answer's own buffer, which belongs to no pool and is cut so that an append moves away.
func (s *scanner) item() (Item, bool) {
	from := s.pos
	if s.peek() != '{' {
		ok := s.skip()
		return Item{Raw: s.data[from:s.pos:s.pos]}, ok
	}
	var id, version, updated, deleted, contacts, contact, owner []byte
	twice := false // a key on which the record's identity or place hangs; the decoder names any other
	ok := s.object(func(key []byte) bool {
		var window *[]byte
		switch string(key) {
		case "id":
			window = &id
		case "version":
			window = &version
		case "updated_at":
			window = &updated
		case "deleted_at":
			window = &deleted
		case "contact_ids":
			window = &contacts
		case "contact_id":
			window = &contact
		case "owner_id", "user_id":
			window = &owner
		default:
			return s.skip()
		}
		at := s.pos
		if !s.skip() {
			return false
		}
		twice = twice || *window != nil && window != &contacts && window != &contact && window != &owner
		*window = s.data[at:s.pos]
		return true
	})
	if !ok {
		return Item{}, false
	}
	raw := Item{Raw: s.data[from:s.pos:s.pos]}
	if twice || id == nil || version == nil || updated == nil {
		return raw, true
	}
	item := raw
	if !item.readKeys(id, version, updated, deleted) {
		return raw, true
	}
	// Contacts or an owner that can't be read make no item unusable: the decoder names the field when it comes to that.
	if contacts != nil {
		one := scanner{data: contacts, limit: 2}
		if !one.ids(&item.ContactIDs) {
			item.ContactIDs = nil
		}
	}
	if contact != nil {
		one, v := scanner{data: contact, limit: 2}, ""
		if one.id(&v) && v != "" {
			item.ContactIDs = append(item.ContactIDs, v)
		}
	}
	if owner != nil {
		one := scanner{data: owner, limit: 2}
		if !one.id(&item.OwnerID) {
			item.OwnerID = ""
		}
	}
	return item, true
}

// readKeys interprets values that are known to be sound JSON.
func (item *Item) readKeys(id, version, updated, deleted []byte) bool {
	s := scanner{data: id, limit: 1}
	if !s.id(&item.ID) || item.ID == "" {
		return false
	}
	n, err := strconv.ParseInt(string(version), 10, 64)
	if err != nil || n < 1 {
		return false
	}
	item.Version = n
	s = scanner{data: updated, limit: 1}
	if !s.instant(&item.UpdatedAt) || item.UpdatedAt.IsZero() {
		return false
	}
	if deleted != nil && deleted[0] != 'n' {
		s = scanner{data: deleted, limit: 1}
		at := item.UpdatedAt
		if !s.instant(&at) {
			return false
		}
		item.Deleted = true
	}
	return true
}
