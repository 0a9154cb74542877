package problem

import "net/http"

// Code is one kind of refusal, as the docs list it.
type Code struct {
	Name   string
	Status int
	Title  string
	Remedy string // what the caller can do
}

// Codes that are named in several places.
const (
	Internal             = "internal"
	Unavailable          = "unavailable"
	Overloaded           = "overloaded"
	NotFound             = "not_found"
	Unauthorized         = "unauthorized"
	InvalidSignature     = "invalid_signature"
	InvalidNotification  = "invalid_notification"
	WrongAccount         = "wrong_account"
	InvalidRequest       = "invalid_request"
	InvalidValue         = "invalid_value"
	InvalidCursor        = "invalid_cursor"
	MalformedJSON        = "malformed_json"
	BrokenBody           = "broken_body"
	MethodNotAllowed     = "method_not_allowed"
	EndpointGone         = "endpoint_gone"
	VersionChanged       = "version_changed"
	PayloadTooLarge      = "payload_too_large"
	UnsupportedMediaType = "unsupported_media_type"
	TooManyRequests      = "too_many_requests"
)

// Codes lists every refusal there is. Names are part of the contract: never renamed, only added.
func Codes() []Code {
	return []Code{
		{InvalidRequest, http.StatusBadRequest, "The request is not as described", "Look at errors: each names a field and what is wrong with it."},
		{MalformedJSON, http.StatusBadRequest, "The body is not JSON", "Send one JSON value in UTF-8, no key twice."},
		{BrokenBody, http.StatusBadRequest, "The body could not be read", "Send as many bytes as Content-Length says."},
		{InvalidCursor, http.StatusBadRequest, "The cursor cannot be used", "Start again without one; keep the filters from page to page."},
		{Unauthorized, http.StatusUnauthorized, "A valid API key is needed", "Send Authorization: Bearer KEY."},
		{InvalidSignature, http.StatusUnauthorized, "The delivery is not signed as it should be", "Sign by Standard Webhooks with the endpoint's secret, within five minutes."},
		{InvalidNotification, http.StatusForbidden, "The notification is not believed", "Look at the detail: it has to be of a topic the configuration names, signed by SNS, and at most an hour old."},
		{WrongAccount, http.StatusUnauthorized, "The message is of another account than the one behind this address", "Send outbound messages to the address that was made for their own account."},
		{NotFound, http.StatusNotFound, "There is nothing here", "Look at the address."},
		{MethodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed here", "Use one that Allow names."},
		{"tenant_exists", http.StatusConflict, "There is a tenant of that id", "Choose another id, or go on with that tenant."},
		{"wrong_state", http.StatusConflict, "The tenant's state does not allow it", "Read the tenant: its state says what it is doing."},
		{"audit_running", http.StatusConflict, "An audit is under way", "Wait for its end, or cancel it."},
		{"nothing_open", http.StatusConflict, "The review has no such open record", "Read the review again."},
		{"wrong_offset", http.StatusConflict, "The import goes on at another offset", "Go on from where Upload-Offset says."},
		{"import_ended", http.StatusConflict, "The import takes no more bytes", "Read it: its state says what became of it. Begin another one."},
		{"layout_changed", http.StatusConflict, "The layout was changed since the import began", "Begin another import."},
		{"stream_off", http.StatusConflict, "The tenant has switched the stream off", "Switch it on, or leave the file out."},
		{"files_only", http.StatusConflict, "The account is known from files alone", "Import a file, and look at what becomes of it."},
		{EndpointGone, http.StatusGone, "Nobody is behind this endpoint any more", "Disable the subscription."},
		{VersionChanged, http.StatusPreconditionFailed, "The tenant was changed in the meantime", "Read it again and repeat the change on what you find."},
		{PayloadTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", "Send less at once."},
		{UnsupportedMediaType, http.StatusUnsupportedMediaType, "The content type is not supported", "Send application/json in UTF-8, not compressed."},
		{InvalidValue, http.StatusUnprocessableEntity, "A value cannot be taken", "Look at errors: each names a field and what it may hold."},
		{"invalid_config", http.StatusUnprocessableEntity, "The configuration cannot be taken", "Look at errors: each names a place in the document, what is wrong there and what would do."},
		{"credentials_missing", http.StatusUnprocessableEntity, "Credentials are missing", "Store them first."},
		{"credentials_refused", http.StatusUnprocessableEntity, "Credentials are refused", "Store new ones; errors names the side."},
		{"address_refused", http.StatusUnprocessableEntity, "An address leads to a private network", "Use an address that is public."},
		{"backlog_full", http.StatusTooManyRequests, "Too much waits for the app", "Go on from where Upload-Offset says, after Retry-After."},
		{TooManyRequests, http.StatusTooManyRequests, "Too much at once", "Come again after Retry-After."},
		internal(),
		{"side_unavailable", http.StatusServiceUnavailable, "Acme or the app does not answer", "Come again; the detail names the side."},
		{Overloaded, http.StatusServiceUnavailable, "Too much is under way", "Come again after Retry-After."},
		{Unavailable, http.StatusServiceUnavailable, "It cannot be done at the moment", "Come again after Retry-After."},
	}
}

func internal() Code {
	return Code{Internal, http.StatusInternalServerError, "Internal error", "Repeat it; if it stays, report the instance."}
}

func find(name string) (Code, bool) {
	for _, c := range Codes() {
		if c.Name == name {
			return c, true
		}
	}
	return Code{}, false
}
