package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"acmesync/sandbox/crm/accounts"
)

// largestBody is the most a request may hold.
const largestBody = 1 << 20

// decode reads the request's body strictly into in and returns the request's fingerprint.
func decode(c *call, in any) (_ string, err error) {
	body, err := readBody(c)
	if err != nil {
		return "", err
	}
	if err := strict(body, in); err != nil {
		return "", err
	}
	return fingerprint(c, body), nil
}

func fingerprint(c *call, body []byte) string {
	sum := sha256.Sum256(append([]byte(c.r.Method+" "+c.r.URL.Path+"\n"), body...))
	return hex.EncodeToString(sum[:])
}

func readBody(c *call) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, largestBody))
	if err != nil {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "The body cannot be read or is larger than 1 MiB."}
	}
	return body, nil
}

// strict refuses what is no JSON and fields nobody knows.
func strict(body []byte, in any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(in)
	if _, end := decoder.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = errors.New("more than one value")
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return unprocessable(wrongType.Field, "wrong_type")
	case strings.Contains(err.Error(), "unknown field"):
		_, field, _ := strings.Cut(err.Error(), "unknown field ")
		return unprocessable(strings.Trim(field, `"`), "unknown_field")
	case strings.Contains(err.Error(), "parsing time"):
		return unprocessable("occurred_at", "malformed")
	}
	return badRequest("malformed_json", "The body is not the JSON it should be.")
}

func unprocessable(field, code string) error {
	return &accounts.Refusal{Code: "invalid", Message: "Some fields are not right.", Details: []accounts.FieldError{{Field: field, Code: code}}}
}

// fields is the body of a PATCH: what it does not name stays.
type fields struct {
	body  []byte
	named map[string]json.RawMessage
}

func decodeFields(c *call) (fields, error) {
	body, err := readBody(c)
	if err != nil {
		return fields{}, err
	}
	f := fields{body: body}
	if err := strict(body, &f.named); err != nil {
		return fields{}, err
	}
	if len(f.named) == 0 {
		return fields{}, badRequest("invalid_parameter", "Nothing is to be changed.")
	}
	return f, nil
}

func (f fields) has(name string) bool {
	_, found := f.named[name]
	return found
}

func (f fields) onto(in any) error { return strict(f.body, in) }
