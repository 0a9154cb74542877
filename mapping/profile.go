package mapping

import (
	"encoding/json"

	"acmesync"
	"acmesync/acme"
)

// profile holds the tenant's profile against what acme can speak. Only Acme's own appointments are written to.
func (k *check) profile(document json.RawMessage, direction acmesync.Direction) {
	p, problems := acme.ParseProfile(document)
	for _, one := range problems {
		k.add("/profile"+one.Pointer, "This "+one.Message+".", one.Hint)
	}
	if direction != acmesync.BothWays {
		return
	}
	if p.Appointments != nil {
		k.add("/appointments/direction", "This cannot be both where the profile describes appointments: they are read, not written.",
			"Leave it out, or use acme_to_app.")
	} else if p.ReadsXML() {
		k.add("/appointments/direction", "This cannot be both where the profile has Acme answer in XML: records are read as XML, not written.",
			"Leave it out, or use acme_to_app.")
	}
}
