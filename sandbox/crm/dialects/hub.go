package dialects

import (
	"strings"
	"time"

	"acmesync/acme"
)

const hubTime = "2006-01-02T15:04:05.000Z"

// HubMeeting is an appointment.
func HubMeeting(a acme.Appointment) map[string]any {
	outcomes := map[acme.AppointmentStatus]string{
		acme.Scheduled: "SCHEDULED", acme.Completed: "COMPLETED", acme.Canceled: "CANCELED", acme.NoShow: "NO_SHOW",
	}
	outcome := outcomes[a.Status]
	if outcome == "" {
		outcome = strings.ToUpper(string(a.Status))
	}
	visibility := "SHARED"
	if a.IsPrivate {
		visibility = "PRIVATE"
	}
	properties := map[string]any{
		"hs_meeting_title": a.Subject, "hs_meeting_body": text(a.NotesHTML), "hs_meeting_outcome": outcome,
		"hs_meeting_start_time": hubMoment(a.Start), "hs_meeting_end_time": hubMoment(a.End), "hs_timezone": zoneOf(a.Start, a.End),
		"hs_visibility": visibility, "hs_meeting_location": text(a.Location), "hs_meeting_external_url": text(a.ConferenceURL),
		"hubspot_owner_id": text(HubID(acme.Users, a.OwnerID)), "hs_object_source": strings.ToUpper(a.Origin),
		"hs_unique_creation_key": text(a.ExternalRef), "hs_internal_meeting_notes": nil,
	}
	if a.SeriesID != "" {
		properties["hs_series_id"] = HubID(acme.Appointments, a.SeriesID)
		properties["hs_series_original_start"], properties["hs_series_timezone"] = hubMoment(a.OriginalStart), zoneOf(a.OriginalStart)
	}
	if a.Recurrence != nil {
		properties["hs_series_rule"] = a.Recurrence.RRule
		properties["hs_series_exceptions"] = strings.Join(a.Recurrence.ExDates, ";")
	}
	contacts := []map[string]any{}
	for _, id := range a.ContactIDs {
		contacts = append(contacts, map[string]any{"id": HubID(acme.Contacts, id), "type": "meeting_event_to_contact"})
	}
	meeting := hubObject(HubID(acme.Appointments, a.ID), properties, a.CreatedAt, a.UpdatedAt, a.DeletedAt)
	meeting["associations"] = map[string]any{"contacts": map[string]any{"results": contacts}}
	return meeting
}

func hubObject(id string, properties map[string]any, created, updated time.Time, deleted *time.Time) map[string]any {
	object := map[string]any{
		"id": id, "properties": properties, "createdAt": created.UTC().Format(hubTime), "updatedAt": updated.UTC().Format(hubTime), "archived": deleted != nil,
	}
	if deleted != nil {
		object["archivedAt"] = deleted.UTC().Format(hubTime)
	}
	return object
}

// hubMoment is a time in UTC, or a date; what is neither is shown as it was typed.
func hubMoment(m *acme.Moment) any {
	if m == nil {
		return nil
	}
	if m.Date != "" {
		return m.Date
	}
	if at, ok := instantOf(m); ok {
		return at.Format(time.RFC3339)
	}
	return m.DateTime
}

func zoneOf(moments ...*acme.Moment) any {
	for _, m := range moments {
		if m != nil && m.TimeZone != "" {
			return m.TimeZone
		}
	}
	return nil
}

// text is null where there is none.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// HubContact is a contact: a first and a last name, one address of each kind and the rest in a list.
func HubContact(c acme.Contact) map[string]any {
	first, last, _ := strings.Cut(c.Name, " ")
	properties := map[string]any{
		"firstname": text(first), "lastname": text(last), "email": nil, "hs_additional_emails": nil, "phone": nil, "hs_additional_phones": nil,
		"hs_merged_into": text(HubID(acme.Contacts, c.MergedInto)), "hs_privacy_deleted": nil,
	}
	if len(c.Emails) > 0 {
		properties["email"], properties["hs_additional_emails"] = c.Emails[0], text(strings.Join(c.Emails[1:], ";"))
	}
	if len(c.Phones) > 0 {
		properties["phone"], properties["hs_additional_phones"] = c.Phones[0], text(strings.Join(c.Phones[1:], ";"))
	}
	if c.PrivacyDeletedAt != nil {
		properties["hs_privacy_deleted"] = c.PrivacyDeletedAt.UTC().Format(hubTime)
	}
	return hubObject(HubID(acme.Contacts, c.ID), properties, c.CreatedAt, c.UpdatedAt, c.DeletedAt)
}

// HubOwner is a user.
func HubOwner(u acme.User) map[string]any {
	first, last, _ := strings.Cut(u.Name, " ")
	return map[string]any{
		"id": HubID(acme.Users, u.ID), "email": u.Email, "firstName": first, "lastName": last, "timeZone": u.TimeZone,
		"archived": !u.Active, "updatedAt": u.UpdatedAt.UTC().Format(hubTime),
	}
}

// HubEngagement is a touch-point, with every time in milliseconds.
func HubEngagement(t acme.Touchpoint) map[string]any {
	engagement := map[string]any{
		"id": HubID(acme.Touchpoints, t.ID), "type": strings.ToUpper(string(t.Channel)), "ownerId": text(HubID(acme.Users, t.UserID)),
		"timestamp": millis(t.OccurredAt), "createdAt": t.LoggedAt.UnixMilli(), "lastUpdated": t.UpdatedAt.UnixMilli(), "deletedAt": millis(t.DeletedAt),
	}
	metadata := map[string]any{
		"direction": strings.ToUpper(string(t.Direction)), "disposition": text(t.OutcomeID), "status": text(strings.ToUpper(t.EmailStatus)), "durationMilliseconds": nil,
	}
	if t.DurationMS != nil {
		metadata["durationMilliseconds"] = *t.DurationMS
	}
	contacts := []string{}
	if t.ContactID != "" {
		contacts = append(contacts, HubID(acme.Contacts, t.ContactID))
	}
	return map[string]any{"engagement": engagement, "associations": map[string]any{"contactIds": contacts}, "metadata": metadata}
}

func millis(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

// HubEvents is a delivery: thin events without the record, which carry no version.
func HubEvents(portal string, events []acme.Event, attempt int) []map[string]any {
	list := []map[string]any{}
	for _, e := range events {
		object, action, _ := strings.Cut(e.Type, ".")
		name := map[string]string{"appointment": "meeting", "touchpoint": "engagement"}[object]
		if name == "" {
			name = object
		}
		verb := map[string]string{"created": "creation", "deleted": "deletion", "undeleted": "restore", "merged": "merge"}[action]
		if verb == "" {
			verb = "propertyChange"
		}
		list = append(list, map[string]any{
			"eventId": e.EventID, "subscriptionType": name + "." + verb, "portalId": portal, "objectId": HubID(resourceOf(object), e.ObjectID),
			"occurredAt": e.OccurredAt.UnixMilli(), "attemptNumber": attempt - 1, "changeSource": e.Origin,
		})
	}
	return list
}

func resourceOf(object string) acme.Resource {
	return map[string]acme.Resource{"appointment": acme.Appointments, "touchpoint": acme.Touchpoints, "contact": acme.Contacts, "user": acme.Users}[object]
}
