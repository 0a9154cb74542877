package calendar

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"

	"acmesync/app"
)

// readBody takes a bulk write's body whole, or says why not.
func readBody(res http.ResponseWriter, req *http.Request) ([]byte, *problem) {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", message: "the body must be application/json"}
	}
	tooLarge := &problem{status: http.StatusRequestEntityTooLarge, code: "too_large", message: "the body is longer than 16 MiB"}
	if req.ContentLength > app.MaxRequestBytes {
		return nil, tooLarge
	}
	body := make([]byte, 0, max(512, req.ContentLength+1))
	in := http.MaxBytesReader(res, req.Body, app.MaxRequestBytes)
	for {
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge
		}
		if err != nil {
			return nil, &problem{status: http.StatusBadRequest, code: "cut_body", message: "the body broke off"}
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
	return body, nil
}

func (s *Sandbox) upsertEvents(w *workspace, res http.ResponseWriter, in request) {
	var list struct {
		Events []app.Event `json:"events"`
	}
	if p := decodeBody(in.body, &list, "events", func() (bool, int) { return list.Events != nil, len(list.Events) }); p != nil {
		s.refuse(res, *p)
		return
	}
	applyItems(s, w, res, in, list.Events, func(e *app.Event) string { return e.ExternalID }, (*batch).upsert)
}

func (s *Sandbox) deleteEvents(w *workspace, res http.ResponseWriter, in request) {
	var list struct {
		Events []app.EventRef `json:"events"`
	}
	if p := decodeBody(in.body, &list, "events", func() (bool, int) { return list.Events != nil, len(list.Events) }); p != nil {
		s.refuse(res, *p)
		return
	}
	applyItems(s, w, res, in, list.Events, func(r *app.EventRef) string { return r.ExternalID }, (*batch).delete)
}

func (s *Sandbox) linkEvents(w *workspace, res http.ResponseWriter, in request) {
	var list struct {
		Links []app.EventLink `json:"links"`
	}
	if p := decodeBody(in.body, &list, "links", func() (bool, int) { return list.Links != nil, len(list.Links) }); p != nil {
		s.refuse(res, *p)
		return
	}
	applyItems(s, w, res, in, list.Links, func(l *app.EventLink) string { return l.ExternalID }, (*batch).link)
}

func (s *Sandbox) setCounts(w *workspace, res http.ResponseWriter, in request) {
	var list struct {
		Counts []app.Count `json:"counts"`
	}
	if p := decodeBody(in.body, &list, "counts", func() (bool, int) { return list.Counts != nil, len(list.Counts) }); p != nil {
		s.refuse(res, *p)
		return
	}
	applyItems(s, w, res, in, list.Counts, nil, (*batch).setCount)
}

// decodeBody fills a struct of one list, and tells by size whether the list is there and how long.
func decodeBody(body []byte, into any, name string, size func() (there bool, n int)) *problem {
	if err := decode(body, into); err != nil {
		return &problem{status: http.StatusBadRequest, code: "malformed_json", message: "the body is not readable as JSON of the right shape"}
	}
	switch there, n := size(); {
	case !there:
		return &problem{
			status: http.StatusBadRequest, code: "required", message: "the list of items is missing",
			field: name, because: "required",
		}
	case n > app.MaxItems:
		return &problem{
			status: http.StatusRequestEntityTooLarge, code: "too_many_items", message: "more than 500 items",
			field: name, because: "too_many",
		}
	}
	return nil
}

// applyItems writes the items in order and answers once they are on disk. id names an item in its
// result and to the faults; nil where items have no external id.
func applyItems[T any](s *Sandbox, w *workspace, res http.ResponseWriter, in request, items []T, id func(*T) string, one func(*batch, *T) app.Result) {
	faults := w.faults.Load()
	if id != nil && len(faults.FailExternalIDs) > 0 {
		for i := range items {
			if slices.Contains(faults.FailExternalIDs, id(&items[i])) {
				s.refuse(res, problem{status: http.StatusInternalServerError, code: "internal", message: "something went wrong"})
				return
			}
		}
	}
	results := make([]app.Result, len(items))
	b := batch{w: w, zones: &s.zones, at: in.at, lines: make([]byte, 0, len(in.body)+160*len(items))}
	w.mu.Lock()
	for i := range items {
		if id == nil {
			results[i] = one(&b, &items[i])
			continue
		}
		var struck bool
		if results[i], struck = faults.item(id(&items[i])); !struck {
			results[i] = one(&b, &items[i])
		}
		results[i].ExternalID = id(&items[i])
	}
	ticket := s.journal.append(b.lines)
	s.tell(w, b.told)
	w.mu.Unlock()
	w.figures.items(results, id == nil)
	if b.live {
		w.changes.announce()
	}
	if err := s.journal.wait(ticket); err != nil {
		s.log.Error("a write is not durable", "workspace", w.id, "error", err)
		s.refuse(res, problem{status: http.StatusServiceUnavailable, code: "unavailable", message: "the app cannot write now"})
		return
	}
	if w.loseAnswer() || faults.AnswerLostShare > 0 && s.draw() < faults.AnswerLostShare {
		panic(http.ErrAbortHandler)
	}
	res.Header().Set("X-Request-Id", s.requestID())
	write(res, http.StatusMultiStatus, struct {
		Results []app.Result `json:"results"`
	}{results})
}
