// Package business holds the three make-believe businesses that both sandboxes know:
// each has an Acme account and a workspace in the calendar app under the same id.
package business

// Person works at a business. Some are known to only one of the two sides: that is the
// ordinary mess an integration meets, and the Acme sandbox's manifest counts on it.
type Person struct {
	Name     string
	Email    string
	TimeZone string // IANA name
	Active   bool   // in Acme
	InApp    bool   // has a user in the calendar app
}

// Business is one customer of the calendar app that also uses Acme.
type Business struct {
	ID       string
	Name     string
	TimeZone string // IANA name
	Region   string // ISO 3166-1 alpha-2

	Contacts     int // how many records of each kind the Acme sandbox seeds
	Appointments int
	Touchpoints  int

	People []Person
}

// All lists the businesses, largest first; always the same.
func All() []Business {
	return []Business{
		{
			ID: "harbor-dental", Name: "Harbor Dental Group", TimeZone: "America/New_York", Region: "US",
			Contacts: 1800, Appointments: 3000, Touchpoints: 12000,
			People: []Person{
				{"Grace Okafor", "grace@harbor-dental.example", "America/New_York", true, true},
				{"Daniel Reyes", "daniel@harbor-dental.example", "America/New_York", true, true},
				{"Mei Tanaka", "mei@harbor-dental.example", "America/Chicago", true, true},
				{"Olivia Brandt", "olivia@harbor-dental.example", "America/Los_Angeles", true, true},
				{"Samuel Price", "samuel@harbor-dental.example", "America/New_York", true, true},
				{"Nadia Haddad", "nadia@harbor-dental.example", "America/New_York", true, true},
				{"Peter Vance", "peter@harbor-dental.example", "America/New_York", false, true},
				{"Temp Reception", "reception@harbor-dental.example", "America/New_York", true, false},
			},
		},
		{
			ID: "alpine-physio", Name: "Alpine Physio", TimeZone: "Europe/Zurich", Region: "CH",
			Contacts: 900, Appointments: 1500, Touchpoints: 6000,
			People: []Person{
				{"Lukas Meier", "lukas@alpine-physio.example", "Europe/Zurich", true, true},
				{"Chiara Rossi", "chiara@alpine-physio.example", "Europe/Rome", true, true},
				{"Anaïs Favre", "anais@alpine-physio.example", "Europe/Zurich", true, true},
				{"Jonas Frei", "jonas@alpine-physio.example", "Europe/Zurich", true, true},
				{"Praktikant", "praktikum@alpine-physio.example", "Europe/Zurich", true, false},
			},
		},
		{
			ID: "coral-realty", Name: "Coral Coast Realty", TimeZone: "Australia/Sydney", Region: "AU",
			Contacts: 450, Appointments: 700, Touchpoints: 3000,
			People: []Person{
				{"Ruby Walsh", "ruby@coral-realty.example", "Australia/Sydney", true, true},
				{"Noah Singh", "noah@coral-realty.example", "Australia/Adelaide", true, true},
				{"Isla Nguyen", "isla@coral-realty.example", "Australia/Sydney", true, true},
				{"Old Agent", "agent@coral-realty.example", "Australia/Sydney", true, false},
			},
		},
	}
}
