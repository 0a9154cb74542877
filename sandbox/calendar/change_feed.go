package calendar

import (
	"io"
	"net/http"
	"strconv"

	"acmesync/app"
)

// listChanges answers each event once, at its newest change, in the order of versions.
func (s *Sandbox) listChanges(w *workspace, res http.ResponseWriter, req *http.Request) {
	p := params{values: req.URL.Query()}
	after, since, limit := p.cursor("v"), p.since("updated_since"), p.limit()
	if p.fault != nil {
		s.refuse(res, *p.fault)
		return
	}
	resumed := p.values.Get("cursor") != ""
	page := app.ChangePage{Changes: []app.Change{}}
	var found []changed
	w.mu.RLock()
	at := after
	for ; at < len(w.log); at++ {
		one, there := w.change(w.log[at])
		if !there || one.version() != int64(at)+1 || (!resumed && one.before(since)) {
			continue
		}
		if page.More = len(found) == limit; page.More {
			break
		}
		found = append(found, one)
	}
	w.mu.RUnlock()
	page.NextCursor = cursor("v", at)
	s.answerChanges(res, found, &page.Changes, &page)
}

// batchGetChanges answers the newest change of each event that is named.
func (s *Sandbox) batchGetChanges(w *workspace, res http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(res, req.Body, app.MaxRequestBytes))
	var in struct {
		IDs         []string `json:"ids"`
		ExternalIDs []string `json:"external_ids"`
	}
	if err != nil || decode(body, &in) != nil {
		s.refuse(res, problem{status: http.StatusBadRequest, code: "malformed_json", message: "the body is not readable as JSON of the right shape"})
		return
	}
	if len(in.IDs)+len(in.ExternalIDs) > app.MaxItems {
		s.refuse(res, problem{status: http.StatusRequestEntityTooLarge, code: "too_many_items", message: "more than 500 events"})
		return
	}
	numbers := map[int]bool{}
	var found []changed
	w.mu.RLock()
	for _, id := range in.IDs {
		numbers[eventNumber(id)] = true
	}
	for _, id := range in.ExternalIDs {
		numbers[w.numberOf(id)] = true
	}
	for n := range numbers {
		if one, there := w.change(n); there {
			found = append(found, one)
		}
	}
	w.mu.RUnlock()
	answer := struct {
		Changes []app.Change `json:"changes"`
	}{[]app.Change{}}
	s.answerChanges(res, found, &answer.Changes, &answer)
}

func (s *Sandbox) answerChanges(res http.ResponseWriter, found []changed, into *[]app.Change, answer any) {
	for _, one := range found {
		shown, err := one.shown()
		if err != nil {
			s.defect(res, err)
			return
		}
		*into = append(*into, shown)
	}
	write(res, http.StatusOK, answer)
}

// numberOf finds the newest event of an external id, a deleted one included; 0: there never was one.
func (w *workspace) numberOf(externalID string) int {
	held := w.entries[externalID]
	if held == nil {
		return 0
	}
	if held.number != 0 {
		return held.number
	}
	return held.last
}

func (c changed) before(since int64) bool {
	at := c.entry.updated
	if c.gone != nil {
		at = c.gone.at
	}
	return at.UnixNano() < since
}

// eventWrites is who has changed an event how often.
type eventWrites struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id,omitempty"`
	Deleted    bool   `json:"deleted"`
	writes
}

// adminEventWrites lists all events that ever were with their write counts.
func (s *Sandbox) adminEventWrites(w *workspace, res http.ResponseWriter, _ *http.Request) {
	list := []eventWrites{}
	w.mu.RLock()
	for n := 1; n <= len(w.order); n++ {
		one := eventWrites{ID: "e_" + strconv.Itoa(n)}
		if e := w.order[n-1]; e != nil {
			one.ExternalID, one.writes = e.external, e.writes
		} else if g := w.gone[n]; g != nil {
			one.ExternalID, one.writes, one.Deleted = g.external, g.writes, true
		}
		list = append(list, one)
	}
	w.mu.RUnlock()
	write(res, http.StatusOK, map[string]any{"events": list})
}
