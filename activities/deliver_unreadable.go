package activities

import (
	"context"
	"errors"

	"acmesync"
)

// errSealed: the body is not what was stored, or was sealed for another place.
var errSealed = errors.New("its body does not open")

// unreadable puts an envelope off whose body cannot be opened or read, so that its neighbours go on. Once it was tried often
// enough it is parked as it came, and what it had brought is read from Acme again.
func (r *round) unreadable(ctx context.Context, page int, cause error) {
	p := r.pages[page]
	if p.Tries <= acmesync.PoisonTries {
		r.log.Warn("an envelope cannot be read; it is tried again", "envelope", p.Envelope.ID, "tries", p.Tries+1, "error", cause)
		r.ends[page].Open, r.ends[page].RetryAfter = true, acmesync.Again(p.Tries+1)
		return
	}
	r.log.Error("an envelope cannot be read; it is parked as it came", "envelope", p.Envelope.ID, "error", cause)
	r.Alerts.Alert(ctx, r.fence.Tenant, "An envelope of "+string(p.Stream)+" cannot be read. It is parked as it came, and its records are read from Acme again.")
	r.parkPage(page, acmesync.Fault{Code: acmesync.Unreadable, Field: "envelope",
		Message: "This envelope cannot be opened. It is kept as it was stored, and its records are read from Acme again. Report it, then discard it."})
}

// parkPage keeps an envelope as it is.
func (r *round) parkPage(page int, f acmesync.Fault) {
	p := r.pages[page]
	r.commit.Parked = append(r.commit.Parked, acmesync.ParkedRecord{
		Key: acmesync.Key{Stream: p.Stream, AcmeID: acmesync.RawPrefix + p.Envelope.ID}, Fault: f, Body: p.Body,
	})
	r.ends[page].Parked += p.Records
	r.commit.Reread = append(r.commit.Reread, p.Envelope)
}
