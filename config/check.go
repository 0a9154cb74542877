package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func databaseURL(name, text string, f *Faults) Secret {
	const form = "set it to postgres://user:password@host:port/database"
	if text == "" {
		f.add(name, "is not set", form)
		return Secret{}
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || strings.Trim(u.Path, "/") == "" {
		f.add(name, "is no Postgres URL", form)
	}
	return Secret{text}
}

// keyset looks at the outside of the keyset only: whoever opens it knows the rest.
func keyset(text string, f *Faults) Secret {
	const remedy = "make one with `starter keyset new`"
	var shape struct {
		Key []json.RawMessage `json:"key"`
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case text == "":
		f.add("ACMESYNC_KEYSET", "is not set", remedy+", and keep it safe: without it the data cannot be read")
	case err != nil, json.Unmarshal(raw, &shape) != nil, len(shape.Key) == 0:
		f.add("ACMESYNC_KEYSET", "is no keyset", remedy)
	}
	return Secret{text}
}

func logging(e environment, f *Faults) Log {
	l := Log{Level: strings.ToLower(e.LogLevel), Format: strings.ToLower(e.LogFormat)}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) {
		f.add("LOG_LEVEL", "is no level", "use debug, info, warn or error")
	}
	if l.Format != "json" && l.Format != "console" {
		f.add("LOG_FORMAT", "is no format", "use json or console")
	}
	return l
}

func flag(name, text string, f *Faults) bool {
	value, err := strconv.ParseBool(text)
	if err != nil {
		f.add(name, "is neither true nor false", "use 1 or 0")
	}
	return value
}

func seconds(name, text string, least, most int, f *Faults) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		f.add(name, "is no number of seconds within its bounds", fmt.Sprintf("use %d to %d", least, most))
	}
	return time.Duration(n) * time.Second
}

func address(name, text string, f *Faults) string {
	_, port, err := net.SplitHostPort(text)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 {
		f.add(name, "is no address to listen at", "use host:port, such as 127.0.0.1:8080")
	}
	return text
}

func publicURL(e environment, private bool, f *Faults) string {
	const name = "PUBLIC_URL"
	if e.PublicURL == "" && private {
		return "http://" + e.HTTPAddr
	}
	if e.PublicURL == "" {
		f.add(name, "is not set", "set it to the address Acme reaches this api at, such as https://sync.example.com")
		return ""
	}
	before := len(*f)
	text := webURL(name, e.PublicURL, f)
	if len(*f) == before && !private && !strings.HasPrefix(text, "https://") {
		f.add(name, "is not https", "put TLS before the api; only with ACMESYNC_ALLOW_PRIVATE_HOSTS=1 may it be http")
	}
	return text
}

// webURL checks an address people or systems go to; empty is fine. It answers it without a slash at its end.
func webURL(name, text string, f *Faults) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		f.add(name, "is no web address", "use http(s)://host[:port][/path], without user, password or query")
	}
	return strings.TrimRight(text, "/")
}

// alertURLs splits at commas; what holds no :// belongs to the URL before it, whose parameters may be lists.
func alertURLs(text string, f *Faults) []Secret {
	var urls []Secret
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		switch scheme, rest, ok := strings.Cut(part, "://"); {
		case part == "":
		case ok && scheme != "" && rest != "":
			urls = append(urls, Secret{part})
		case !ok && len(urls) > 0:
			urls[len(urls)-1].value += "," + part
		default:
			f.add("ALERT_URLS", "holds something that is no shoutrrr URL", "use service://… URLs, separated by commas")
		}
	}
	return urls
}
