// Package app is the border to the calendar app: what travels there (contract.go, openapi.yaml),
// a client for it, and the kinds of failure it can answer with.
//
// The client is thin on purpose. It sends one request per call (Users excepted, which walks the
// pages), never retries, never follows a redirect and reads a bounded answer; whoever calls it
// decides what an [Error]'s [Kind] means. Writes are in bulk, at most [MaxItems] a call, and are
// answered per item: a nil error says only that every item has a [Result].
package app
