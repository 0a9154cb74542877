// Package mapping says what an Acme record becomes in the app: an appointment an event, a
// touch-point a fact that counts. It is pure: the same input gives the same output anywhere,
// it asks no clock and no network, so every rule here can be read off its golden files.
//
// A record becomes one of three things: its counterpart; a *Skip, left out on purpose with
// nothing to repair; or an *acmesync.Fault, which parks it until somebody looks. Records that
// Acme has deleted are not for this package: the caller knows what it wrote and takes it back.
//
// # Order of the checks
//
// A record may have several defects and gets one code, always the same: first what leaves it out
// whatever else it holds (the tenant does not want it, it lies out of scope, it was among colleagues), then whose it is,
// then its times. What will not be carried over is never parked for a repair nobody needs.
//
// # Time
//
// A time comes as wall-clock time with an IANA zone, or as RFC 3339 with its own offset, and leaves
// in UTC to the whole second beside the zone to show it in. Fractions of a second are cut off; a leap second is
// the second after it; T and Z may be lower case. A wall-clock time that a clock change leaves out
// is read with the offset from before the change, one that happens twice is its first occurrence:
// RFC 5545, section 3.3.5, so 02:30 on the night clocks go from two to three is half past three.
// An appointment that such a reading turns around (02:30 to 03:00 on that night) is end_before_start.
//
// A time with an offset needs no zone to be known. It is shown in its zone if that is one, else in the
// account's, else in UTC. A whole day stays a date and never meets a zone; its end is exclusive.
// Time zones are those of the machine's or the program's IANA database, in exact case. "Local" and
// names of other systems, such as Windows, are refused.
//
// # Series
//
// A master becomes an event for each instance in the window, at the wall-clock time of its start and of its end, each in its zone;
// where that turns an instance around, it lasts as long as the first. Each time is resolved by the rules above, an
// hour that is left out and the one it is read as being one instance. UNTIL and EXDATE are read as UTC, as local time in
// the master's zone, or as a date, which means that whole day. What RFC 5545 calls meaningless is refused, not guessed at.
// An instance is named by its original start, which it keeps when an exception moves it.
//
// # People
//
// An Acme user is an app user by e-mail, see NewStaff. A contact that asked to be forgotten is an attendee without
// anything that tells who it was; a deleted contact is left out, as it is when Acme has forgotten it.
package mapping
