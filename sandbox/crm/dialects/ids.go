package dialects

import (
	"fmt"
	"strconv"
	"strings"

	"acmesync/acme"
)

// format is how Acme writes the ids of a resource.
func format(r acme.Resource) (prefix, format string) {
	switch r {
	case acme.Users:
		return "usr_", "usr_%02d"
	case acme.Contacts:
		return "con_", "con_%06d"
	case acme.Appointments:
		return "apt_", "apt_%06d"
	default:
		return "tpt_", "tpt_%07d"
	}
}

// Number is the number in an id that Acme gave; 0: there is none.
func Number(r acme.Resource, id string) int64 {
	prefix, _ := format(r)
	n, err := strconv.ParseInt(strings.TrimPrefix(id, prefix), 10, 64)
	if err != nil || n < 1 || ID(r, n) != id {
		return 0
	}
	return n
}

// ID is Acme's id of a number.
func ID(r acme.Resource, n int64) string {
	_, format := format(r)
	return fmt.Sprintf(format, n)
}

// HubID is an id as Hub writes it: the number as a text, or the id itself where it has none.
func HubID(r acme.Resource, id string) string {
	if n := Number(r, id); n > 0 {
		return strconv.FormatInt(n, 10)
	}
	return id
}

// FromHub is Acme's id of one of Hub's.
func FromHub(r acme.Resource, id string) string {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > 0 {
		return ID(r, n)
	}
	return id
}

// Activity is the number of an appointment or a touch-point among Pipe's activities, which share their numbers; 0: none.
func Activity(r acme.Resource, id string) int64 {
	n := Number(r, id) * 2
	if r == acme.Touchpoints && n > 0 {
		n++
	}
	return n
}

// FromActivity is what an activity's number stands for.
func FromActivity(n int64) (acme.Resource, string) {
	if n%2 == 1 {
		return acme.Touchpoints, ID(acme.Touchpoints, n/2)
	}
	return acme.Appointments, ID(acme.Appointments, n/2)
}
