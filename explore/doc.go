// Package explore looks at a live Acme before anybody relies on it: whether the credentials work, what each list does and
// brings, and how each field differs from Acme's contract. It reads, and where a hook's address is given it asks for one webhook
// subscription and ends it again. What it reports are names, counts, lengths and times; no record, no name and no address of a
// person leaves it.
//
// Explorer walks and tries; Report is what comes of it. The comparison of fields is that of package drift.
package explore
