// Package calendar is a make-believe calendar app with a dashboard: it serves the contract of
// package app for any number of workspaces, pages to look at them by hand, and an admin API with
// fault switches. It exists to try acmesync against; nothing of it runs in production.
//
// # The journal
//
// All it knows is in one append-only file, calendar.jsonl in its data folder, which it replays at
// start. A write is answered only after its lines are on disk (writes of many requests share one
// fsync). One line is one JSON object; every line has
//
//	op         what was accepted, see below
//	at         RFC 3339 with nanoseconds: when the request had been read
//	workspace  the workspace's id
//
// and by op:
//
//	workspace       name, time_zone, token, users[]: a workspace came to be. Always its first line.
//	event.put       id, result (created or updated), event: the event as it now is, revision included.
//	event.revision  external_id, revision: the same content came with a higher revision.
//	event.delete    external_id, revision, result (deleted, or absent: only a tombstone was set or raised).
//	event.user      id, event: a person made or edited the event; it is now as said here.
//	event.remove    id: a person deleted the event.
//	event.link      id, external_id, revision: an integration gave an event that a person made an external id.
//	webhook.put     hook: a webhook subscription as it now is, secret included.
//	webhook.delete  id: a webhook subscription ended.
//	count.set       result (updated, or unchanged: only the revision rose), count: the cell as it now is; count 0 is a cleared cell.
//
// Lines of one workspace stand in the order in which they took effect, so the last line about an
// external id, or about a user, day, channel and direction, is its present state. Refused, stale
// and unchanged items leave no line. A last line that is cut off or unreadable is removed at
// start: its request was never answered. Any other unreadable line stops the start.
//
// Faults, write figures, the pages' change feed and webhooks under way live in memory and are forgotten at a restart.
package calendar
