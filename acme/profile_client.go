package acme

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
)

func (p *Profile) prefix() string {
	if p == nil {
		return ""
	}
	return p.Prefix
}

// authorise puts the API key where the profile says.
func (p *Profile) authorise(h http.Header, key string) {
	kind := ""
	if p != nil {
		kind = p.Auth.Kind
	}
	switch kind {
	case "header":
		h.Set(p.Auth.Header, p.Auth.Prefix+key)
	case "basic":
		pair := p.Auth.User + ":" + key
		if p.Auth.User == "" {
			pair = key + ":"
		}
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	default:
		h.Set("Authorization", "Bearer "+key)
	}
}

// misspoken is an answer that is not as the profile says.
func misspoken(op string, status int, code string) *Error {
	return &Error{Kind: KindProfile, Op: op, Status: status, Code: code}
}

// Advice says in a sentence what to do about a failure of kind Profile; empty for any other.
func (e *Error) Advice() string {
	if e.Kind != KindProfile {
		return ""
	}
	_, what, _ := strings.Cut(e.Op, " ")
	what = strings.TrimPrefix(strings.TrimPrefix(what, "get "), "from ")
	switch e.Code {
	case CodeRedirect:
		return "Acme sends us elsewhere for " + what + ", where the API key is not sent: check the base URL, the prefix and the paths of the profile"
	case CodeNotJSON:
		return "Acme answers with a web page, not with data, for " + what + ": check the base URL, the prefix and the paths of the profile"
	case CodeNotXML:
		return "Acme answers with something that is not XML for " + what + ": check \"format\", the base URL, the prefix and the paths of the profile"
	case CodeDoctype:
		return "Acme's answer for " + what + " has a DOCTYPE, which is never read: have Acme leave it out"
	case CodeInstruction:
		return "Acme's answer for " + what + " has a processing instruction, which is never read: have Acme leave it out"
	case CodeEncoding:
		return "Acme's answer for " + what + " is in an encoding that is not read: UTF-8 is, Latin-1 is where the profile says \"encoding\": \"latin1\", and UTF-16 never is"
	case CodeNoList:
		return "there is no list of " + what + " where the profile says: check \"list\""
	case CodeNoNext:
		return "what leads to the next page of " + what + " is not where the profile says: check \"paging\""
	case CodePagingLoop:
		return "the list of " + what + " comes back to pages that were read: check \"paging\" in the profile, then ask Acme's support"
	case CodeEmptyPages:
		return "the list of " + what + " goes on without records and without an end: check \"paging\" in the profile"
	case CodeForeignLink:
		return "the next page of " + what + " lies outside of Acme's base URL, where the API key is not sent: check the base URL"
	case CodeNoKeys:
		return "the first of " + what + " has no usable id or updated_at where the profile says: check \"fields\""
	case CodeNoAccount:
		return "the account is not where the profile says: check \"account\""
	}
	return "Acme's answer is not as the profile says: check the profile"
}

func (c *Client) accountDialect(ctx context.Context, op string) (Account, error) {
	p := c.Profile
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: p.Account.Path, collection: true, xml: p.ReadsXML()})
	if err != nil {
		return Account{}, err
	}
	at, _ := compilePath(p.Account.At)
	tree, err := p.accountTree(op, at, got)
	if err != nil {
		return Account{}, err
	}
	fields, ok := p.account.flat(tree)
	if !ok || fields["id"] == "" {
		return Account{}, misspoken(op, got.status, CodeNoAccount)
	}
	return Account{ID: fields["id"], Name: fields["name"], TimeZone: fields["time_zone"], Region: fields["region"]}, nil
}

func (p *Profile) accountTree(op string, at path, got answer) (any, error) {
	if !p.ReadsXML() {
		body, ok := jsonBody(got)
		if !ok {
			return nil, misspoken(op, got.status, CodeNotJSON)
		}
		return at.treeIn(body), nil
	}
	data, err := xmlBody(op, got, p.Encoding != "")
	if err != nil {
		return nil, err
	}
	tree, fault, _, code := xmlTree(data)
	if code != "" || fault != "" {
		return nil, xmlRefused(op, got.status, cmp.Or(code, fault))
	}
	return at.first(tree), nil
}

// treeIn is the value at a path of plain keys, nil where there is none.
func (p path) treeIn(body []byte) any {
	window, _ := p.find(body)
	value, _ := treeOf(window)
	return value
}

// flat reads an object whose fields are all texts.
func (r *record) flat(value any) (map[string]string, bool) {
	tree, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for i := range r.fields {
		if word, ok := asText(r.fields[i].source.read(r.fields[i].kind, tree, nil)); ok {
			out[r.fields[i].name] = word
		}
	}
	return out, true
}

// newSecret is one of our own, for a side that is told the secret rather than tells it.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
