package db_test

import (
	"fmt"

	"acmesync"
)

// person is a version of somebody; versions differ in their hash and body.
func person(kind acmesync.PersonKind, id string, version int64) acmesync.Person {
	return acmesync.Person{Kind: kind, ID: id, Version: version, Hash: fmt.Sprintf("00000000-0000-0000-0000-%012d", version),
		Email: id + "@example.test", Body: fmt.Appendf(nil, `{"id":%q,"version":%d}`, id, version)}
}
