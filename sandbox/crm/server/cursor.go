package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// cursor is what a next_cursor holds. It is sealed, so that nobody builds one.
type cursor struct {
	Resource       acme.Resource `json:"r"`
	At             int64         `json:"a"`
	ID             string        `json:"i"`
	IncludeDeleted bool          `json:"d,omitempty"`
	Page           int           `json:"p"` // of the walk, the page it leads to
	Expires        int64         `json:"e"` // milliseconds since 1970
}

func seal(account *accounts.Account, c cursor) string {
	body, err := json.Marshal(c)
	if err != nil {
		return "" // impossible: the struct has no field that cannot be encoded
	}
	return base64.RawURLEncoding.EncodeToString(append(mac(account, body), body...))
}

var errCursorInvalid = badRequest("cursor_invalid", "The cursor is none of ours.")

func unseal(account *accounts.Account, text string, resource acme.Resource, now time.Time) (cursor, error) {
	var c cursor
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < macSize || !hmac.Equal(sealed[:macSize], mac(account, sealed[macSize:])) {
		return c, errCursorInvalid
	}
	if err := json.Unmarshal(sealed[macSize:], &c); err != nil || c.Resource != resource {
		return c, errCursorInvalid
	}
	if now.UnixMilli() >= c.Expires {
		return c, errCursorExpired
	}
	return c, nil
}

var errCursorExpired = &problem{status: http.StatusGone, Code: "cursor_expired", Message: "The cursor has expired: start again with updated_since."}

const macSize = 12

// mac binds a cursor to its account; that is all the sandbox needs, the key is no secret.
func mac(account *accounts.Account, body []byte) []byte {
	info := account.Info()
	h := hmac.New(sha256.New, []byte(info.ID+info.CreatedAt.String()))
	h.Write(body)
	return h.Sum(nil)[:macSize]
}
