// Package drift holds what a live Acme sends against Acme's contract, field by field: how often a field is there, null or
// empty, of which type, and where it differs. It is pure: records go in, counts come out. What is counted are names, types,
// lengths, words of enumerations and names of time zones; no other value leaves a record.
//
// Sample is one look at some records. Judge says what a look means after the ones before it: a field that nearly every record
// had and none has now is gone, whatever else differs is a finding at once, and one that does not show for a while has
// changed back. explore reports whole samples; the fetch lane looks at a few records a minute of live traffic.
package drift
