// Package journal keeps one append-only file of JSON lines: the only thing the sandbox stores.
//
// A line is accepted once Append has written it and durable once Sync has returned. A process that
// is killed between the two loses nothing; a machine that loses power may lose lines nobody was
// told about. What a kill in the middle of a write leaves at the end of the file is cut off by Open.
package journal
