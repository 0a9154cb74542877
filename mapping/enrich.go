package mapping

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
)

var (
	enrichmentName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	enrichmentKey  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)
)

// Enrichments are the third parties that complete the tenant's appointments.
func (r *Rules) Enrichments() []acmesync.Enrichment { return r.appointments.Enrich }

// LookupKey is what a record is looked up by; empty: nothing. Contacts are those that are known, by the id that records name.
func LookupKey(e acmesync.Enrichment, item acme.Item, contacts map[string]acme.Contact) string {
	first := ""
	if len(item.ContactIDs) > 0 {
		first = item.ContactIDs[0]
	}
	switch e.Key {
	case "contact.id":
		return first
	case "contact.email":
		if emails := contacts[first].Emails; len(emails) > 0 {
			return strings.ToLower(emails[0])
		}
		return ""
	default:
		return acme.TextAt(item.Raw, e.Key)
	}
}

// LookupExpiry is how old an answer may be when a record is delivered.
func LookupExpiry(e acmesync.Enrichment) time.Duration {
	return cmp.Or(time.Duration(e.ExpiresSeconds)*time.Second, 24*time.Hour)
}

// enrich checks what can be told without calling anybody. Where a token goes, it goes to one host alone.
func (k *check) enrich(a acmesync.AppointmentRules) {
	names, tokenHost := map[string]bool{}, ""
	for i, e := range a.Enrich {
		pointer := fmt.Sprintf("/appointments/enrich/%d", i)
		if !enrichmentName.MatchString(e.Name) {
			k.add(pointer+"/name", "This is no name.", "Use small letters, digits and underscores, such as loyalty.")
		} else if names[e.Name] {
			k.add(pointer+"/name", "Another one has this name.", "Give each a name of its own: its value stands under custom.<name>.")
		}
		names[e.Name] = true
		host := k.enrichmentURL(pointer+"/url", e.URL)
		if e.Token && tokenHost != "" && host != tokenHost {
			k.add(pointer+"/token", "The token would go to two hosts.", "Let only those of one host ask with it.")
		}
		if e.Token {
			tokenHost = host
		}
		if !enrichmentKey.MatchString(e.Key) {
			k.add(pointer+"/key", "This is no place in a record.", "Use contact.email, contact.id, owner_id, or custom.<field>.")
		}
		if e.At != "" && !enrichmentKey.MatchString(e.At) {
			k.add(pointer+"/at", "This is no place in an answer.", "Write keys joined by dots, such as data.tier.")
		}
	}
	if len(a.Enrich) > 0 && a.Direction == acmesync.BothWays {
		k.add("/appointments/enrich", "What a third party adds cannot travel back.", "Sync one way, or leave enrich out.")
	}
}

func (k *check) enrichmentURL(pointer, text string) (host string) {
	if strings.Count(text, "{key}") != 1 {
		k.add(pointer, "The key has to stand in it once.", "Write {key} where it goes, such as https://lookup.example.com/customers/{key}.")
		return ""
	}
	u, err := url.Parse(strings.Replace(text, "{key}", "key", 1))
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		k.add(pointer, "This is no address.", "Write a whole one, such as https://lookup.example.com/customers/{key}.")
	case u.User != nil:
		k.add(pointer, "It holds a user or a password.", "Store a token with the credentials, and set token.")
	case strings.Contains(strings.SplitN(text, "{key}", 2)[0], "#"), u.Fragment != "":
		k.add(pointer, "It has a fragment.", "Leave out what stands behind #.")
	case !strings.Contains(text[strings.Index(text, "://")+3:strings.Index(text, "{key}")], "/"):
		k.add(pointer, "The key would name the host.", "Put {key} into the path or the query.")
	default:
		return u.Host
	}
	return ""
}
