package main

// step is one operation in the order of a story that can be run again and again: what it makes it also deletes.
type step struct {
	operation string
	id        string // the variable that is its {id}
	makes     string // the variable that its answer's id becomes
	from      string // where that id lies; empty: id
	resource  string // what its {resource} is
	survivor  bool   // a second contact is needed first
}

// story names every operation of the contract once: a test says so where one is missing.
var story = []step{
	{operation: "getAccount"},
	{operation: "listOutcomes"},
	{operation: "listUsers", makes: "userId", from: "data[0].id"},
	{operation: "getUser", id: "userId"},
	{operation: "batchGetUsers", id: "userId"},
	{operation: "exportRecords", resource: "users"},

	{operation: "createContact", makes: "contactId"},
	{operation: "getContact", id: "contactId"},
	{operation: "updateContact", id: "contactId"},
	{operation: "batchGetContacts", id: "contactId"},
	{operation: "listContacts"},

	{operation: "createAppointment", makes: "appointmentId"},
	{operation: "getAppointment", id: "appointmentId"},
	{operation: "updateAppointment", id: "appointmentId"},
	{operation: "attachContacts", id: "appointmentId"},
	{operation: "batchGetAppointments", id: "appointmentId"},
	{operation: "listAppointments"},
	{operation: "deleteAppointment", id: "appointmentId"},
	{operation: "undeleteAppointment", id: "appointmentId"},

	{operation: "createTouchpoint", makes: "touchpointId"},
	{operation: "getTouchpoint", id: "touchpointId"},
	{operation: "updateTouchpoint", id: "touchpointId"},
	{operation: "batchGetTouchpoints", id: "touchpointId"},
	{operation: "listTouchpoints"},
	{operation: "deleteTouchpoint", id: "touchpointId"},

	{operation: "createSubscription", makes: "subscriptionId"},
	{operation: "getSubscription", id: "subscriptionId"},
	{operation: "listSubscriptions"},
	{operation: "enableSubscription", id: "subscriptionId"},
	{operation: "deleteSubscription", id: "subscriptionId"},

	{operation: "mergeContact", id: "contactId", survivor: true},
	{operation: "deleteContact", id: "contactId"},
}

// references are the fields of example bodies that hold ids, and the variables that stand in for them.
var references = map[string]string{
	"owner_id": "userId", "user_id": "userId", "contact_id": "contactId", "contact_ids": "contactId", "into": "survivorId", "url": "hookUrl",
}

// chosen are the variables that a person sets; all others are filled by answers.
var chosen = []struct{ name, value, note string }{
	{"baseUrl", "http://127.0.0.1:9010", "where Acme is, without /v1"},
	{"apiKey", "", "the account's API key"},
	{"hookUrl", "https://hooks.example.com/acme", "where webhooks would go; the subscription is deleted again"},
}

// limit is how many records lists are asked for.
const limit = "2"
