// Package crm is the Acme CRM sandbox: a make-believe CRM that behaves as Acme's contract says, with
// any number of accounts, pages to use it by hand, and switches that make it fail.
//
// # What is where
//
//   - journal: the append-only file that is all the sandbox stores
//   - accounts: the accounts, their records, and what a write means
//   - manifest: which records cannot be carried over, and why
//   - seed: the data an account begins with
//   - webhooks: who is told of changes
//   - kafka, sns: other carriers of the same news, for accounts that have chosen them
//   - server: Acme's API, and the admin API for tests
//   - dialects: the same records in two other CRMs' words, served under /dialects/hub and /dialects/pipe
//   - pages: the CRM as its users see it
//
// # The log
//
// Every account has one file, <data>/accounts/<id>.jsonl, which only ever grows. It is the whole store:
// a start replays it. It is also what an independent check reads, as it holds every write Acme accepted
// and every event it emitted. A line is a JSON object with seq (1, 2, 3 … without a gap), at (RFC 3339,
// microseconds), kind, and one field named after the kind:
//
//	account       once, the first line: id, name, time_zone, region, seed, anchor (the day the seeded data is
//	              relative to), staff ([{user_id, in_app}]), outcomes, created_at
//	settings      api_key, client, rate_limit, max_page, webhooks, push; holds from this line on
//	faults        the fault switches; hold from this line on
//	write         one accepted write, whole:
//	                op           seed, import, create, update, delete, undelete or merge
//	                by           seed, import, admin, api, or page:<user id>
//	                idempotency  {key, fingerprint} where the request had an Idempotency-Key
//	                records      [{resource, record}]: each record as it is after the write
//	                events       the events it emitted, as the contract shapes them
//	subscription  a webhook subscription as it is from this line on, with its secrets; deleted: true ends it
//	dispatch      {delivery, subscription, event_ids}: events were put into the delivery of that webhook-id
//	settle        {delivery, state, attempts, status, error}: a delivery ended as delivered, failed,
//	              abandoned (its subscription is no longer active) or dropped (by a fault switch)
//
// A record's present state is the last line that holds it. Writes are on disk before they are answered;
// dispatch and settle lines may be lost with the machine, and then their events are sent again. A line
// without its line break at the end of the file was never accepted: it is cut off at the next start.
package crm
