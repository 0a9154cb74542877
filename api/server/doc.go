// Package server is the product's REST interface. What it offers stands in openapi.yaml; routes.go says who may call
// what. A request passes the same gates in the same order: its id, the caller's key, the description's rules for its
// parameters and body, the handler, which asks control. Whatever fails on the way becomes a problem in one place.
package server
