package preview

import (
	"fmt"
	"slices"

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
	on := mapping.Occasion{Now: p.now, Delivered: known && entry.Carried()}
	draft, err := p.Draft.Record(stream, item, contacts, p.staff, on)
	if err != nil {
		state, why, _ := mapping.Verdict(err)
		if state == acmesync.Parked {
			return s.parked(p.Draft.Faults(stream, item, contacts, p.staff, on)...)
		}
		if there {
			return p.removed(s, why, item, contacts, on)
		}
		return s.as(Skip, why.Code, why.Field)
	}
	if draft.Event != nil && draft.Place == nil {
		s.at, s.business = item.UpdatedAt, mapping.BusinessKey(*draft.Event, item.ContactIDs, contacts)
	}
	if !there {
		if draft.Event != nil {
			s.Changes = mapping.ChangedFields(app.Event{}, *draft.Event)
		}
		return s.of(draft.Series).as(Create, "", "")
	}
	present, presentErr := p.Present.Record(stream, item, contacts, p.before, on)
	same := presentErr == nil && alike(present, draft)
	if draft.Event == nil {
		if same {
			return s.as(Leave, "", "")
		}
		return s.of(draft.Series).as(Update, "", "")
	}
	id := item.ID
	if draft.Place != nil {
		id = acmesync.InstanceID(draft.Place.Series, draft.Place.Original)
	}
	draft.Event.ExternalID = acmesync.ExternalID(acmesync.MainConnection, id)
	if mapping.EventHash(*draft.Event) == entry.Mapped || (entry.Mapped == "" && same) {
		return s.as(Leave, "", "")
	}
	s.event = draft.Event
	if presentErr == nil && present.Event != nil {
		s.Changes = mapping.ChangedFields(*present.Event, *draft.Event)
	}
	return s.as(Update, "", "")
}

// alike tells whether two sets of rules make the same of a record.
func alike(a, b mapping.Counterpart) bool {
	switch {
	case a.Fact != nil && b.Fact != nil:
		return *a.Fact == *b.Fact
	case a.Event != nil && b.Event != nil:
		return len(mapping.ChangedFields(*a.Event, *b.Event)) == 0
	case a.Series != nil && b.Series != nil:
		return slices.EqualFunc(a.Series.Events, b.Series.Events, func(x, y mapping.SeriesEvent) bool {
			return x.Original == y.Original && mapping.EventHash(x.Event) == mapping.EventHash(y.Event)
		})
	}
	return false
}

// of tells of a series how many events it comes to.
func (s Sample) of(series *mapping.Series) Sample {
	if series != nil {
		s.Message = fmt.Sprintf("A series: %d events between the history and the horizon.", len(series.Events))
	}
	return s
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

// parked tells all that is wrong; the first fault is the one that the record would be parked with.
func (s Sample) parked(faults ...acmesync.Fault) Sample {
	for _, f := range faults {
		s.Faults = append(s.Faults, Fault{Code: f.Code, Field: f.Field, Message: f.Message})
	}
	s.Message = faults[0].Message
	return s.as(Park, faults[0].Code, faults[0].Field)
}
