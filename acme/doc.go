// Package acme is the border to Acme CRM: the shapes of its API, a client that makes one request per call and never
// retries, strict decoders for its records, its webhook signatures, and the kinds of failure the rest decides by.
//
// What Acme sends is not trusted. An answer is taken whole or not at all: a page that is cut off, is HTML, or lacks
// what the contract promises is a failure of kind Unavailable. One bad record inside a sound page is not: it comes
// back with an empty ID, or its decoder says Malformed, and its neighbours go on.
//
// What a tenant's Acme says otherwise, by a profile or in XML, takes the contract's form here, so that nothing else has to
// know of it.
//
// openapi.yaml is the contract; package acmetest checks a server against it.
package acme
