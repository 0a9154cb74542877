package files

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Key is what a bucket is read with: a key id with its secret signs each request (AWS Signature Version 4), a secret alone is a
// bearer token. The zero Key is none.
type Key struct {
	ID     string
	Secret string
	Region string // that signatures name; empty: us-east-1
}

const emptySHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// authorise proves a request. The signature covers address, headers and time, so it is of no use for another request.
func (k Key) authorise(r *http.Request, now time.Time) {
	switch {
	case k.Secret == "":
		return
	case k.ID == "":
		r.Header.Set("Authorization", "Bearer "+k.Secret)
		return
	}
	stamp := now.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", emptySHA)
	headers := map[string]string{"host": r.URL.Host}
	for name := range r.Header {
		headers[strings.ToLower(name)] = strings.TrimSpace(r.Header.Get(name))
	}
	names := slices.Sorted(maps.Keys(headers))
	var listed strings.Builder
	for _, name := range names {
		listed.WriteString(name + ":" + headers[name] + "\n")
	}
	signed := strings.Join(names, ";")
	region := first(k.Region, "us-east-1")
	scope := strings.Join([]string{stamp[:8], region, "s3", "aws4_request"}, "/")
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, listed.String(), signed, emptySHA}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + k.Secret)
	for _, part := range []string{stamp[:8], region, "s3", "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.ID+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
}

// escaped writes a text as signatures want it: everything but unreserved characters by its bytes.
func escaped(text string) string {
	return strings.NewReplacer("+", "%20").Replace(url.QueryEscape(text))
}

// query writes parameters in the order in which signatures take them.
func query(parameters map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		parts = append(parts, escaped(name)+"="+escaped(parameters[name]))
	}
	return strings.Join(parts, "&")
}
