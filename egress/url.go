package egress

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const maxURLBytes = 2000

// CheckURL reports in a sentence why a base URL may not be saved as a tenant's. It resolves nothing: the address behind
// a name is looked at by each call.
func CheckURL(raw string, p Policy) error {
	if len(raw) > maxURLBytes || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return errors.New("must be a plain URL of at most 2000 characters")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("must be a URL, such as https://api.example.com")
	case u.Scheme != "https" && (u.Scheme != "http" || !p.AllowPrivate):
		return errors.New("must begin with https://")
	case u.User != nil:
		return errors.New("must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return errors.New("must have no query or fragment")
	case strings.Contains(u.Path, "..") || u.RawPath != "":
		return errors.New("must have a plain path")
	}
	return p.checkHost(u.Hostname(), u.Port())
}

func (p Policy) checkHost(host, port string) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if !p.mayCall(a) {
			return errors.New("must not name a private or reserved address")
		}
	} else if err := p.checkName(strings.ToLower(host)); err != nil {
		return err
	}
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return errors.New("must have a valid port")
	}
	if !p.mayUsePort(uint16(n)) {
		return errors.New("must use port 443 or 8443")
	}
	return nil
}

// checkName wants a host name as DNS has them. A last label that is a number makes it an address in one of the old
// forms (2130706433, 0x7f.1, 017700000001), which some resolvers follow.
func (p Policy) checkName(host string) error {
	const name = "must name a host, such as api.example.com"
	if host == "" || len(host) > 253 {
		return errors.New(name)
	}
	if strings.HasSuffix(host, ".") {
		return errors.New("must name the host without a dot at its end")
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return errors.New(name)
		}
	}
	last := labels[len(labels)-1]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return errors.New("must name a host, or an IP address in its usual form")
	}
	if !p.AllowPrivate && (len(labels) == 1 || last == "localhost" || last == "local" || last == "internal") {
		return errors.New("must name a host that is public")
	}
	return nil
}
