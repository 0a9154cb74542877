package acme

import (
	"context"
	"net/http"
)

// Account reads which account the API key belongs to: the cheapest proof that the connection works.
func (c *Client) Account(ctx context.Context) (Account, error) {
	const op = "read account"
	if c.Profile != nil && c.Profile.account != nil {
		return c.accountDialect(ctx, op)
	}
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: "/v1/account", collection: true})
	if err != nil {
		return Account{}, err
	}
	var a Account
	err = decode(op, got.body, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "id":
			return s.once(0) && s.id(&a.ID)
		case "name":
			return s.once(1) && s.text(&a.Name)
		case "time_zone":
			return s.once(2) && s.text(&a.TimeZone)
		case "region":
			return s.once(3) && s.text(&a.Region)
		}
		return s.skip()
	})
	if err != nil || a.ID == "" {
		return Account{}, half(op, got.status)
	}
	return a, nil
}

// Outcomes reads the labels the account gives to calls.
func (c *Client) Outcomes(ctx context.Context) ([]Outcome, error) {
	const op = "list outcomes"
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: "/v1/outcomes", collection: true})
	if err != nil {
		return nil, err
	}
	all := []Outcome{}
	ok := decodeData(got.body, func(s *scanner) bool {
		var o Outcome
		ok := s.object(func(key []byte) bool {
			switch string(key) {
			case "id":
				return s.once(0) && s.id(&o.ID)
			case "label":
				return s.once(1) && s.text(&o.Label)
			}
			return s.skip()
		})
		all = append(all, o)
		return ok && o.ID != ""
	})
	if !ok {
		return nil, half(op, got.status)
	}
	return all, nil
}

// decodeData reads a short list, {"data":[…]}, whole or not at all.
func decodeData(body []byte, elem func(s *scanner) bool) bool {
	found := false
	err := decode("", body, func(s *scanner, key []byte) bool {
		if string(key) != "data" {
			return s.skip()
		}
		found = true
		return s.once(0) && s.array(func(int) bool { return elem(s) })
	})
	return err == nil && found
}
