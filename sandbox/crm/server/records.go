package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

const largestBatch = 200

func (s *Server) account(c *call) error {
	info := c.account.Info()
	s.answer(c.w, http.StatusOK, acme.Account{ID: info.ID, Name: info.Name, TimeZone: info.TimeZone, Region: info.Region})
	return nil
}

func (s *Server) outcomes(c *call) error {
	s.answer(c.w, http.StatusOK, map[string]any{"data": c.account.Info().Outcomes})
	return nil
}

func (s *Server) get(c *call) error {
	id := c.r.PathValue("id")
	if slices.Contains(c.faults.BadIDs, id) {
		return errSpoiled
	}
	raw, version, found := c.account.Get(c.resource, id)
	if !found {
		return errNoSuchRecord
	}
	s.record(c.w, http.StatusOK, c.drifted(raw)[0], version)
	return nil
}

var errNoSuchRecord = &problem{status: http.StatusNotFound, Code: "not_found", Message: "There is no such record."}

func (s *Server) batchGet(c *call) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if _, err := decode(c, &in); err != nil {
		return badRequest("malformed_json", "The body is not {\"ids\": […]}.")
	}
	if len(in.IDs) == 0 {
		return badRequest("invalid_parameter", "ids is empty.")
	}
	if len(in.IDs) > largestBatch {
		return badRequest("too_many_ids", "200 ids are the most.")
	}
	if slices.ContainsFunc(in.IDs, func(id string) bool { return slices.Contains(c.faults.BadIDs, id) }) {
		return errSpoiled
	}
	raws, missing := c.account.Batch(c.resource, in.IDs)
	if missing == nil {
		missing = []string{}
	}
	tail, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	return s.data(c, raws, `,"missing":`+string(tail)+"}\n")
}

func (s *Server) create(c *call) error {
	by, err := s.request(c)
	if err != nil {
		return err
	}
	var written accounts.Written
	switch c.resource {
	case acme.Appointments:
		var in accounts.AppointmentInput
		if by.Fingerprint, err = decode(c, &in); err == nil {
			written, err = c.account.CreateAppointment(in, by)
		}
	case acme.Touchpoints:
		var in accounts.TouchpointInput
		if by.Fingerprint, err = decode(c, &in); err == nil {
			written, err = c.account.CreateTouchpoint(in, by)
		}
	default:
		var in accounts.ContactInput
		if by.Fingerprint, err = decode(c, &in); err == nil {
			written, err = c.account.CreateContact(in, by)
		}
	}
	if err != nil {
		return err
	}
	if written.Replayed {
		c.w.Header().Set("Idempotency-Replayed", "true")
	}
	s.record(c.w, http.StatusCreated, written.Raw, written.Version)
	return nil
}

func (s *Server) update(c *call) error {
	by, err := s.request(c)
	if err != nil {
		return err
	}
	fields, err := decodeFields(c)
	if err != nil {
		return err
	}
	by.Fingerprint = fingerprint(c, fields.body)
	var written accounts.Written
	switch id := c.r.PathValue("id"); c.resource {
	case acme.Appointments:
		written, err = c.account.UpdateAppointment(id, func(in *accounts.AppointmentInput) error {
			// Decoding into the old value would mix two moments or two recurrences.
			for name, field := range map[string]**acme.Moment{"start": &in.Start, "end": &in.End, "original_start": &in.OriginalStart} {
				if fields.has(name) {
					*field = nil
				}
			}
			if fields.has("recurrence") {
				in.Recurrence = nil
			}
			return fields.onto(in)
		}, by)
	case acme.Touchpoints:
		written, err = c.account.UpdateTouchpoint(id, func(in *accounts.TouchpointInput) error {
			if fields.has("occurred_at") {
				in.OccurredAt = nil
			}
			if fields.has("duration_ms") {
				in.DurationMS = nil
			}
			return fields.onto(in)
		}, by)
	default:
		written, err = c.account.UpdateContact(id, func(in *accounts.ContactInput) error { return fields.onto(in) }, by)
	}
	if err != nil {
		return err
	}
	s.record(c.w, http.StatusOK, written.Raw, written.Version)
	return nil
}

func (s *Server) delete(c *call) error {
	by, err := s.request(c)
	if err != nil {
		return err
	}
	if _, err := c.account.Delete(c.resource, c.r.PathValue("id"), by); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) attachContacts(c *call) error {
	by, err := s.request(c)
	if err != nil {
		return err
	}
	var in struct {
		ContactIDs []string `json:"contact_ids"`
	}
	if by.Fingerprint, err = decode(c, &in); err != nil {
		return err
	}
	if len(in.ContactIDs) == 0 {
		return badRequest("invalid_parameter", "contact_ids is empty.")
	}
	written, err := c.account.AttachContacts(c.r.PathValue("id"), in.ContactIDs, by)
	if err != nil {
		return err
	}
	s.record(c.w, http.StatusOK, written.Raw, written.Version)
	return nil
}

// act does what a path's ":action" says.
func (s *Server) act(c *call) error {
	by, err := s.request(c)
	if err != nil {
		return err
	}
	var written accounts.Written
	id, action, _ := strings.Cut(c.r.PathValue("id"), ":")
	switch {
	case action == "undelete" && c.resource == acme.Appointments:
		written, err = c.account.UndeleteAppointment(id, by)
	case action == "merge" && c.resource == acme.Contacts:
		var in struct {
			Into string `json:"into"`
		}
		if _, err = decode(c, &in); err == nil {
			written, err = c.account.MergeContact(id, in.Into, by)
		}
	default:
		return errNoSuchPath
	}
	if err != nil {
		return err
	}
	s.record(c.w, http.StatusOK, written.Raw, written.Version)
	return nil
}

// request reads the headers that make a write safe to send.
func (s *Server) request(c *call) (accounts.Request, error) {
	client := c.account.Settings().Client
	by := accounts.Request{Author: accounts.Author{By: "api", Origin: client}, IdempotencyKey: c.r.Header.Get("Idempotency-Key")}
	if len(by.IdempotencyKey) > 255 {
		return by, badRequest("invalid_parameter", "Idempotency-Key is longer than 255.")
	}
	if text := c.r.Header.Get("If-Match"); text != "" {
		version, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
		if err != nil || version < 0 {
			return by, badRequest("invalid_parameter", "If-Match is no version.")
		}
		by.IfMatch = version
		if version == 0 {
			by.IfMatch = -1 // versions begin at one: zero matches nothing
		}
	}
	return by, nil
}
