package dialects

import (
	"fmt"
	"strings"
	"time"

	"acmesync/acme"
)

const (
	pipeTime = "2006-01-02 15:04:05"
	// DirectionField is a field that an administrator of Pipe has made: its name is no word, its values are numbers.
	DirectionField = "7d1c0e1f9a3b4c5d6e7f8091a2b3c4d5e6f70819"
	mailField      = "b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e"
)

// PipeMeeting is an appointment as an activity; nil: it has no number.
func PipeMeeting(a acme.Appointment) map[string]any {
	id := Activity(acme.Appointments, a.ID)
	if id == 0 {
		return nil
	}
	participants := []map[string]any{}
	for i, contact := range a.ContactIDs {
		if n := Number(acme.Contacts, contact); n > 0 {
			participants = append(participants, map[string]any{"person_id": n, "primary": i == 0})
		}
	}
	activity := pipeActivity(id, "meeting", a.OwnerID, a.UpdatedAt, a.DeletedAt)
	activity["subject"], activity["note"], activity["participants"] = a.Subject, text(a.NotesHTML), participants
	activity["done"], activity["outcome"] = a.Status == acme.Completed, nil
	if a.Status != acme.Completed && a.Status != acme.Scheduled {
		activity["outcome"] = map[acme.AppointmentStatus]string{acme.Canceled: "Cancelled", acme.NoShow: "Did not come"}[a.Status]
	}
	activity["private"], activity["location"], activity["conference_meeting_url"] = a.IsPrivate, text(a.Location), text(a.ConferenceURL)
	activity["add_time"] = a.CreatedAt.UTC().Format(pipeTime)
	activity["due_date"], activity["due_time"], activity["duration"] = pipeDue(a.Start, a.End)
	return activity
}

func pipeActivity(id int64, kind, owner string, updated time.Time, deleted *time.Time) map[string]any {
	activity := map[string]any{
		"id": id, "type": kind, "owner_id": nil, "update_time": updated.UTC().Format(pipeTime), "is_deleted": deleted != nil, "deal_id": nil, "org_id": nil,
	}
	if n := Number(acme.Users, owner); n > 0 {
		activity["owner_id"] = n
	}
	return activity
}

// pipeDue is a date, a time of day in UTC and a length. What cannot be read is shown as it was typed.
func pipeDue(start, end *acme.Moment) (date, clock, length any) {
	if start == nil {
		return nil, nil, nil
	}
	if start.Date != "" {
		return start.Date, nil, wholeDays(start, end)
	}
	at, ok := instantOf(start)
	if !ok {
		day, hour, _ := strings.Cut(start.DateTime, "T")
		if hour == "" {
			hour = day
		}
		return day, hour, "00:30"
	}
	if end != nil && end.DateTime != "" {
		if until, ok := instantOf(end); ok {
			length = hours(until.Sub(at))
		}
	}
	return at.Format(time.DateOnly), at.Format("15:04"), length
}

func wholeDays(start, end *acme.Moment) any {
	if end == nil {
		return nil
	}
	from, err := time.Parse(time.DateOnly, start.Date)
	until, endErr := time.Parse(time.DateOnly, end.Date)
	if err != nil || endErr != nil {
		return nil
	}
	return hours(until.Sub(from))
}

func hours(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
}

// PipeTouch is a touch-point as an activity; nil: it has no number.
func PipeTouch(t acme.Touchpoint) map[string]any {
	id := Activity(acme.Touchpoints, t.ID)
	if id == 0 {
		return nil
	}
	activity := pipeActivity(id, string(t.Channel), t.UserID, t.UpdatedAt, t.DeletedAt)
	activity["subject"], activity["done"], activity["outcome"] = "", true, text(t.OutcomeID)
	activity["participants"] = []map[string]any{}
	if n := Number(acme.Contacts, t.ContactID); n > 0 {
		activity["participants"] = []map[string]any{{"person_id": n, "primary": true}}
	}
	activity[DirectionField] = map[acme.Direction]int{acme.Inbound: 21, acme.Outbound: 22, acme.Internal: 23}[t.Direction]
	if t.EmailStatus != "" {
		activity[mailField] = map[string]int{"sent": 31, "bounced": 32, "forwarded": 33}[t.EmailStatus]
	}
	activity["add_time"] = t.LoggedAt.UTC().Format(pipeTime)
	activity["due_date"], activity["due_time"], activity["duration"] = nil, nil, nil
	if t.OccurredAt != nil {
		activity["due_date"], activity["due_time"] = t.OccurredAt.UTC().Format(time.DateOnly), t.OccurredAt.UTC().Format("15:04")
	}
	if t.DurationMS != nil {
		activity["duration"] = hours(time.Duration(*t.DurationMS) * time.Millisecond)
	}
	return activity
}

// PipePerson is a contact; nil: it has no number.
func PipePerson(c acme.Contact) map[string]any {
	id := Number(acme.Contacts, c.ID)
	if id == 0 {
		return nil
	}
	listed := func(values []string) []map[string]any {
		list := []map[string]any{}
		for i, value := range values {
			list = append(list, map[string]any{"value": value, "primary": i == 0, "label": "work"})
		}
		return list
	}
	person := map[string]any{
		"id": id, "name": c.Name, "email": listed(c.Emails), "phone": listed(c.Phones), "merged_into_id": nil, "erase_time": nil,
		"add_time": c.CreatedAt.UTC().Format(pipeTime), "update_time": c.UpdatedAt.UTC().Format(pipeTime), "is_deleted": c.DeletedAt != nil,
	}
	if n := Number(acme.Contacts, c.MergedInto); n > 0 {
		person["merged_into_id"] = n
	}
	if c.PrivacyDeletedAt != nil {
		person["erase_time"] = c.PrivacyDeletedAt.UTC().Format(pipeTime)
	}
	return person
}

// PipeUser is a user; nil: it has no number.
func PipeUser(u acme.User) map[string]any {
	id := Number(acme.Users, u.ID)
	if id == 0 {
		return nil
	}
	return map[string]any{
		"id": id, "name": u.Name, "email": u.Email, "active_flag": u.Active, "timezone_name": u.TimeZone, "modified": u.UpdatedAt.UTC().Format(pipeTime),
	}
}

// PipeEvent is a delivery: one event with the record as it is, or was before it was deleted. One without a record is about
// something that Pipe has no number for.
func PipeEvent(e acme.Event, record map[string]any, attempt int) map[string]any {
	object, action, _ := strings.Cut(e.Type, ".")
	entity := map[string]string{"contact": "person", "user": "user"}[object]
	if entity == "" {
		entity = "activity"
	}
	id := e.ObjectID
	if record != nil {
		id = fmt.Sprint(record["id"])
	}
	event := map[string]any{
		"data": record, "previous": nil,
		"meta": map[string]any{
			"entity": entity, "entity_id": id, "action": "change", "id": e.EventID, "attempt": attempt,
			"timestamp": e.OccurredAt.UTC().Format(time.RFC3339), "version": "2.0",
		},
	}
	if action == "deleted" {
		event["data"], event["previous"] = nil, record
		event["meta"].(map[string]any)["action"] = "delete"
	}
	return event
}
