package seed

import (
	"fmt"
	"strings"

	"acmesync/acme"
)

func (m *maker) users() error {
	for i, person := range m.People {
		if err := m.load(person.TimeZone); err != nil {
			return fmt.Errorf("make user %s: %w", person.Name, err)
		}
		m.set.Users = append(m.set.Users, acme.User{
			ID: fmt.Sprintf("usr_%02d", i+1), Version: 1,
			Name: person.Name, Email: typed(person.Email, i),
			Active: person.Active, TimeZone: person.TimeZone,
			UpdatedAt: m.Anchor.AddDate(0, 0, -100),
		})
		if person.InApp {
			m.inApp = append(m.inApp, i)
		} else {
			m.outside = append(m.outside, i)
		}
	}
	return nil
}

// typed varies the letters' case as people do: matching by email must not care.
func typed(email string, i int) string {
	switch i % 3 {
	case 1:
		return strings.ToUpper(email[:1]) + email[1:]
	case 2:
		name, domain, _ := strings.Cut(email, "@")
		return name + "@" + strings.ToUpper(domain)
	}
	return email
}
