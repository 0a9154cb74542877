package calendar

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"acmesync/acme"
	"acmesync/app"
)

// subscription is somebody who is told about changes. What is below Failures is not journaled: what was not sent at the
// end of the process is not sent at all, the list of changes has it.
type subscription struct {
	ID       string    `json:"id"`
	URL      string    `json:"url"`
	Secret   string    `json:"secret"`
	Disabled string    `json:"disabled,omitempty"` // why
	Made     time.Time `json:"made"`
	Failures int       `json:"-"` // deliveries in a row

	waiting []app.ChangeEvent
	sending bool
}

const (
	hookTimeout  = 5 * time.Second
	hookAttempts = 5
	hookPause    = 300 * time.Millisecond // before the second attempt; doubles
	hookDisable  = 5                      // failed deliveries in a row
	hookLargest  = 100                    // events in one delivery
)

func newHookCalls() *http.Client {
	return &http.Client{
		Timeout: hookTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 8},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (w *workspace) putHook(h *subscription) {
	w.dropHook(h.ID)
	w.hooks = append(w.hooks, h)
}

func (w *workspace) dropHook(id string) bool {
	before := len(w.hooks)
	w.hooks = slices.DeleteFunc(w.hooks, func(h *subscription) bool { return h.ID == id })
	return len(w.hooks) < before
}

func (w *workspace) hook(id string) *subscription {
	for _, h := range w.hooks {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// tell notes an event's newest change for subscribers, and answers its version.
func (b *batch) tell(number int) int64 {
	one, there := b.w.change(number)
	if !there {
		return 0
	}
	version := one.version()
	if len(b.w.hooks) == 0 {
		return version
	}
	e := app.ChangeEvent{
		EventID: "evt_" + hex.EncodeToString(drawn(9)), WorkspaceID: b.w.id, ID: eventID(number), Version: version, OccurredAt: b.at,
	}
	switch {
	case one.gone != nil:
		e.Type, e.ExternalID, e.Origin = "event.deleted", one.gone.external, one.gone.origin
	default:
		e.Type, e.ExternalID, e.Origin = "event.updated", one.entry.external, one.entry.origin
		if one.entry.writes.User+one.entry.writes.Integration == 1 {
			e.Type = "event.created"
		}
	}
	b.told = append(b.told, e)
	return version
}

func drawn(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// tell hands changes to the senders. The workspace is locked, so nothing here waits.
func (s *Sandbox) tell(w *workspace, events []app.ChangeEvent) {
	if len(events) == 0 || s.ending.Err() != nil {
		return
	}
	for _, h := range w.hooks {
		if h.Disabled != "" {
			continue
		}
		h.waiting = append(h.waiting, events...)
		if !h.sending {
			h.sending = true
			s.sending.Go(func() { s.send(w, h) })
		}
	}
}

// send delivers what waits for a subscriber until nothing is left.
func (s *Sandbox) send(w *workspace, h *subscription) {
	for {
		faults := w.faults.Load()
		most := hookLargest
		if faults.WebhookReorder {
			most = 1 // what travels together cannot overtake itself
		}
		w.mu.Lock()
		n := min(len(h.waiting), most)
		if n == 0 || h.Disabled != "" || s.ending.Err() != nil {
			h.sending, h.waiting = false, nil
			w.mu.Unlock()
			return
		}
		events := slices.Clone(h.waiting[:n])
		h.waiting = h.waiting[n:]
		w.mu.Unlock()
		if faults.WebhookDropRate > 0 && s.draw() < faults.WebhookDropRate {
			continue
		}
		body, err := json.Marshal(events)
		if err != nil {
			s.log.Error("a webhook cannot be encoded", "error", err)
			continue
		}
		id := "msg_" + hex.EncodeToString(drawn(9))
		for range faults.WebhookDuplicate {
			s.sending.Go(func() { _, _ = s.post(h, id, body) })
		}
		if faults.WebhookReorder {
			s.sending.Go(func() {
				if s.pause(mathrand.N(2 * time.Second)) {
					s.deliver(w, h, id, body)
				}
			})
			continue
		}
		s.deliver(w, h, id, body)
	}
}

// deliver makes all attempts of a delivery and notes what its end means for the subscription.
func (s *Sandbox) deliver(w *workspace, h *subscription, id string, body []byte) {
	pause := hookPause
	for attempt := 1; ; attempt++ {
		status, err := s.post(h, id, body)
		final := err == nil && status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
		switch {
		case s.ending.Err() != nil:
			return
		case err == nil && status >= 200 && status < 300:
			w.mu.Lock()
			h.Failures = 0
			w.mu.Unlock()
			return
		case status == http.StatusGone:
			s.disable(w, h, "the endpoint answered 410 Gone")
			return
		case final || attempt == hookAttempts:
			w.mu.Lock()
			h.Failures++
			over := h.Failures >= hookDisable
			w.mu.Unlock()
			if over {
				s.disable(w, h, fmt.Sprintf("%d deliveries in a row failed", hookDisable))
			}
			return
		}
		if !s.pause(pause) {
			return
		}
		pause *= 2
	}
}

func (s *Sandbox) pause(length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-s.ending.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (s *Sandbox) post(h *subscription, id string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(s.ending, hookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = acme.SignWebhook(h.Secret, id, time.Now(), body) // Standard Webhooks, as Acme does
	req.Header.Set("Content-Type", "application/json")
	res, err := s.hookCalls.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, res.Body.Close()
}

func (s *Sandbox) disable(w *workspace, h *subscription, why string) {
	if err := s.changeHook(w, func() *subscription {
		if held := w.hook(h.ID); held == nil || held.Disabled != "" {
			return nil
		}
		h.Disabled = why
		return h
	}); err != nil {
		s.log.Error("a subscription cannot be disabled", "error", err)
	}
}

// changeHook journals a subscription that change has made or changed; nil: none.
func (s *Sandbox) changeHook(w *workspace, change func() *subscription) error {
	w.mu.Lock()
	h := change()
	if h == nil {
		w.mu.Unlock()
		return nil
	}
	raw, err := json.Marshal(line{Op: "webhook.put", At: time.Now().UTC(), Workspace: w.id, Hook: h})
	var ticket uint64
	if err == nil {
		ticket = s.journal.append(append(raw, '\n'))
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.wait(ticket)
}

func (h *subscription) shown() app.Subscription {
	out := app.Subscription{ID: h.ID, URL: h.URL, Status: "active", DisabledReason: h.Disabled, CreatedAt: h.Made}
	if h.Disabled != "" {
		out.Status = "disabled"
	}
	return out
}

func (s *Sandbox) subscribe(w *workspace, res http.ResponseWriter, req *http.Request) {
	body, p := readBody(res, req)
	if p != nil {
		s.refuse(res, *p)
		return
	}
	var in struct {
		URL string `json:"url"`
	}
	to, err := url.Parse("")
	if decode(body, &in) == nil {
		to, err = url.Parse(in.URL)
	}
	if err != nil || to.Host == "" || (to.Scheme != "http" && to.Scheme != "https") {
		s.refuse(res, problem{status: http.StatusBadRequest, code: "invalid_url", message: "url is not an absolute http or https URL", field: "url", because: "invalid_url"})
		return
	}
	h := &subscription{
		ID: "sub_" + hex.EncodeToString(drawn(9)), URL: in.URL, Made: time.Now().UTC(),
		Secret: "whsec_" + base64.StdEncoding.EncodeToString(drawn(32)),
	}
	if err := s.changeHook(w, func() *subscription { w.putHook(h); return h }); err != nil {
		s.defect(res, err)
		return
	}
	shown := h.shown()
	shown.Secret = h.Secret
	write(res, http.StatusCreated, shown)
}

func (s *Sandbox) listHooks(w *workspace, res http.ResponseWriter, _ *http.Request) {
	list := []app.Subscription{}
	w.mu.RLock()
	for _, h := range w.hooks {
		list = append(list, h.shown())
	}
	w.mu.RUnlock()
	write(res, http.StatusOK, map[string]any{"subscriptions": list})
}

func (s *Sandbox) getHook(w *workspace, res http.ResponseWriter, req *http.Request) {
	w.mu.RLock()
	h := w.hook(req.PathValue("id"))
	var shown app.Subscription
	if h != nil {
		shown = h.shown()
	}
	w.mu.RUnlock()
	if h == nil {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such subscription"})
		return
	}
	write(res, http.StatusOK, shown)
}

func (s *Sandbox) unsubscribe(w *workspace, res http.ResponseWriter, req *http.Request) {
	id := req.PathValue("id")
	w.mu.Lock()
	there := w.dropHook(id)
	var ticket uint64
	var err error
	if there {
		var raw []byte
		if raw, err = json.Marshal(line{Op: "webhook.delete", At: time.Now().UTC(), Workspace: w.id, ID: id}); err == nil {
			ticket = s.journal.append(append(raw, '\n'))
		}
	}
	w.mu.Unlock()
	if !there {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such subscription"})
		return
	}
	if err == nil {
		err = s.journal.wait(ticket)
	}
	if err != nil {
		s.defect(res, err)
		return
	}
	res.WriteHeader(http.StatusNoContent)
}
