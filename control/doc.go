// Package control is what people and the product's backend can do with tenants and reviews. The api and the starter
// command call it, so that both act alike: the row in Postgres is written first and is what counts, then the workflow
// is told, off the caller's path and for as long as a short bound allows. Temporal being away only delays.
package control
