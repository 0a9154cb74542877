// Package e2e proves the whole product from outside: real processes of the product and of both
// sandboxes, a real Postgres, a real Temporal, killed at will. What it checks against is the
// sandboxes' own account of things, never the product's.
package e2e
