package preview

import (
	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// judge tells what a record would come to, as the deliver lane would decide it.
func (p *Preview) judge(stream acmesync.Stream, item acme.Item, contacts map[string]acme.Contact, entry acmesync.LedgerEntry, known bool) Sample {
	s := Sample{Stream: stream, AcmeID: item.ID, appID: entry.AppID}
	there := known && (entry.Steps >= acmesync.StepWritten || entry.Delivered())
	switch {
	case item.ID == "":
		return s.parked(acmesync.Fault{Code: acmesync.Unreadable, Field: "id",
			Message: "This item has no usable id, version or time of change. Have it repaired in Acme."})
	case known && item.Version < entry.Version:
		return s.as(Leave, "", "")
	case known && entry.Code == acmesync.Discarded && item.Version == entry.Version:
		return s.as(Skip, acmesync.Discarded, "")
	case item.Deleted:
		return p.judgeDeleted(s, there)
	}
	on := mapping.Occasion{Now: p.now, Delivered: known && entry.Delivered()}
	draft, err := p.Draft.Record(stream, item, contacts, p.staff, on)
	if err != nil {
		state, why, _ := mapping.Verdict(err)
		if state == acmesync.Parked {
			return s.parked(why)
		}
		if there {
			return p.removed(s, why, item, contacts, on)
		}
		return s.as(Skip, why.Code, why.Field)
	}
	if !there {
		if draft.Event != nil {
			s.Changes = mapping.ChangedFields(app.Event{}, *draft.Event)
		}
		return s.as(Create, "", "")
	}
	present, presentErr := p.Present.Record(stream, item, contacts, p.before, on)
	if draft.Event == nil {
		if presentErr == nil && present.Fact != nil && *present.Fact == *draft.Fact {
			return s.as(Leave, "", "")
		}
		return s.as(Update, "", "")
	}
	draft.Event.ExternalID = acmesync.ExternalID(acmesync.MainConnection, item.ID)
	if entry.Mapped != "" && mapping.EventHash(*draft.Event) == entry.Mapped {
		return s.as(Leave, "", "")
	}
	s.event = draft.Event
	if presentErr == nil {
		s.Changes = mapping.ChangedFields(*present.Event, *draft.Event)
		if entry.Mapped == "" && len(s.Changes) == 0 {
			return s.as(Leave, "", "")
		}
	}
	return s.as(Update, "", "")
}

// judgeDeleted follows the draft's rule for appointments that Acme has deleted; a touch-point does not count then.
func (p *Preview) judgeDeleted(s Sample, there bool) Sample {
	switch {
	case !there:
		return s.as(Gone, "", "")
	case s.Stream == acmesync.Touchpoints:
		return s.as(Remove, "", "")
	}
	switch p.Draft.Deleted() {
	case acmesync.FateKeep:
		return s.as(Leave, "", "")
	case acmesync.FateMark:
		return s.as(Update, "", "")
	case acmesync.FateRemove:
	}
	return s.as(Remove, "", "")
}

func (p *Preview) removed(s Sample, why acmesync.Fault, item acme.Item, contacts map[string]acme.Contact, on mapping.Occasion) Sample {
	if present, err := p.Present.Record(s.Stream, item, contacts, p.before, on); err == nil && present.Event != nil {
		s.Changes = mapping.ChangedFields(*present.Event, app.Event{})
	}
	return s.as(Remove, why.Code, why.Field)
}

func (s Sample) as(o Outcome, code acmesync.Code, field string) Sample {
	s.Outcome, s.Code, s.Field = o, code, field
	return s
}

func (s Sample) parked(f acmesync.Fault) Sample {
	s.Message = f.Message
	return s.as(Park, f.Code, f.Field)
}
