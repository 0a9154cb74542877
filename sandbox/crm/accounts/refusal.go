package accounts

// Refusal is a write that Acme does not accept; its code and details are the API's.
type Refusal struct {
	Code       string // not_found, version_mismatch, duplicate, already_merged, invalid, idempotency_mismatch
	Message    string
	Details    []FieldError
	ExistingID string // with duplicate
}

// FieldError names one field that is wrong.
type FieldError struct {
	Field string `json:"field"`
	Code  string `json:"code"`
}

func (r *Refusal) Error() string { return r.Message }

func notFound(what string) error {
	return &Refusal{Code: "not_found", Message: "There is no such " + what + "."}
}

func invalid(details []FieldError) error {
	return &Refusal{Code: "invalid", Message: "Some fields are not right.", Details: details}
}

// matches refuses a change that is based on another version.
func matches(want, have int64) error {
	if want != 0 && want != have {
		return &Refusal{Code: "version_mismatch", Message: "The record has changed since."}
	}
	return nil
}
