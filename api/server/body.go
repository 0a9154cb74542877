package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"acmesync/api/server/problem"

	"github.com/gin-gonic/gin"
)

const (
	maxBodyBytes = 256 << 10
	maxDepth     = 64
	keyBody      = "body"
)

// readBody takes a request's body whole, as JSON or not at all; empty is fine where the description says so.
func readBody(c *gin.Context) ([]byte, error) {
	if c.Request.ContentLength > maxBodyBytes {
		return nil, problem.New(problem.PayloadTooLarge, fmt.Sprintf("At most %d bytes are taken.", maxBodyBytes))
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problem.New(problem.PayloadTooLarge, fmt.Sprintf("At most %d bytes are taken.", maxBodyBytes))
	case err != nil:
		return nil, problem.New(problem.BrokenBody, "")
	case len(body) == 0:
		return nil, nil
	}
	if !takesJSON(c.Request.Header) {
		return nil, problem.New(problem.UnsupportedMediaType, "")
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if err := strictJSON(body); err != nil {
		return nil, err
	}
	return body, nil
}

// takesJSON wants application/json in UTF-8, not compressed.
func takesJSON(h http.Header) bool {
	kinds := h.Values("Content-Type")
	if len(kinds) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(kinds[0])
	charset, named := parameters["charset"]
	return err == nil && kind == "application/json" && (!named || strings.EqualFold(charset, "utf-8"))
}

// strictJSON refuses what encoding/json would take or repair in silence: a key twice, something after the value, bytes
// that are no UTF-8, half of a surrogate pair, nesting without end.
func strictJSON(body []byte) error {
	if !utf8.Valid(body) {
		return problem.New(problem.MalformedJSON, "It is not UTF-8.")
	}
	if halfSurrogate(body) {
		return problem.New(problem.MalformedJSON, "It holds half of a surrogate pair.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := walk(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem.New(problem.MalformedJSON, fmt.Sprintf("Something follows the value at byte %d.", d.InputOffset()))
	}
	return nil
}

func walk(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return problem.New(problem.MalformedJSON, fmt.Sprintf("It cannot be read at byte %d.", d.InputOffset()))
	}
	open, nested := token.(json.Delim)
	if text, ok := token.(string); ok && strings.ContainsRune(text, 0) {
		return problem.New(problem.MalformedJSON, "It holds a NUL character, which cannot be stored.")
	}
	if !nested {
		return nil
	}
	if depth >= maxDepth {
		return problem.New(problem.MalformedJSON, fmt.Sprintf("It is nested more than %d deep.", maxDepth))
	}
	keys := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return problem.New(problem.MalformedJSON, fmt.Sprintf("It cannot be read at byte %d.", d.InputOffset()))
			}
			name, _ := key.(string)
			if keys[name] {
				return problem.New(problem.MalformedJSON, fmt.Sprintf("A key stands twice at byte %d.", d.InputOffset()))
			}
			keys[name] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return problem.New(problem.MalformedJSON, fmt.Sprintf("It cannot be read at byte %d.", d.InputOffset()))
	}
	return nil
}

// halfSurrogate looks at \u escapes, which encoding/json replaces in silence where they make no character.
func halfSurrogate(body []byte) bool {
	for i := 0; i+5 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if body[i+1] != 'u' {
			i++ // an escaped backslash begins nothing
			continue
		}
		switch body[i+2] {
		case 'd', 'D':
		default:
			i += 5
			continue
		}
		first := strings.ToLower(string(body[i+2 : i+6]))
		if first < "d800" || first > "dfff" {
			i += 5
			continue
		}
		if first >= "dc00" || i+11 >= len(body) || body[i+6] != '\\' || body[i+7] != 'u' {
			return true
		}
		if second := strings.ToLower(string(body[i+8 : i+12])); second < "dc00" || second > "dfff" {
			return true
		}
		i += 11
	}
	return false
}

// decode reads the body that has passed the description's rules; none leaves out as it is.
func decode(c *gin.Context, out any) error {
	body, _ := c.MustGet(keyBody).([]byte)
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return problem.New(problem.InvalidRequest, "The body does not have the described shape.")
	}
	return nil
}
