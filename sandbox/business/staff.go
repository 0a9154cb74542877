package business

import "fmt"

// Staff makes up n people for a business that All does not know, such as one made for a load
// test. Both sandboxes use it, so that everyone in Acme has a user in the app.
func Staff(id, timeZone string, n int) []Person {
	first := []string{"Ada", "Ben", "Cleo", "Dov", "Elif", "Finn", "Gia", "Hugo", "Ines", "Juno"}
	people := make([]Person, n)
	for i := range people {
		people[i] = Person{
			Name:     fmt.Sprintf("%s %s %d", first[i%len(first)], "Example", i+1),
			Email:    fmt.Sprintf("user%d@%s.example", i+1, id),
			TimeZone: timeZone, Active: true, InApp: true,
		}
	}
	return people
}
