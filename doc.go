// Package acmesync holds the words of the product: what a tenant, an envelope, a ledger
// entry, a hold and a review are, in which states they can be, and by which codes a
// record's fate is told. Every other package speaks in these words, and this one knows
// none of them: it imports the standard library only.
//
// The data's way, left to right:
//
//	Acme ─ hooks, pages ─▶ inbox ─▶ deliver lane: compare ─ map ─ write ─▶ app
//	                         ▲                      │
//	                     fetch lane               ledger ─ failed for a reason of its own ─▶ review
//
// An envelope is whatever arrived, committed before it is acknowledged. Two lanes per
// tenant work on the inbox: fetch reads Acme (hints first, then the next page), deliver is
// the only writer to the app and to the ledger. Both are loops over what Postgres says is
// due; Temporal says when they run and who is responsible, never what the data is.
package acmesync
