package acmesync

// Code tells why a record was skipped, parked or ended otherwise. Codes are part of the
// contract with customers: they are never renamed, only added.
type Code string

// Why a record is skipped: left out on purpose, nothing to repair.
const (
	OwnerUnmatched     Code = "owner_unmatched"      // its Acme owner has no user in the app
	UserUnmatched      Code = "user_unmatched"       // its Acme user has no user in the app
	InternalNotCounted Code = "internal_not_counted" // a call or mail among colleagues
	BouncedNotCounted  Code = "bounced_not_counted"  // a mail that never arrived
	SameAppointment    Code = "same_appointment"     // another record stands for the appointment
	Discarded          Code = "discarded"            // by a person, in a review
	DeletedInApp       Code = "deleted_in_app"       // people have deleted its event, and the appointment stays
	SeriesEditInApp    Code = "series_edit_in_app"   // people have changed one instance of a series, and nothing of it travels

	TooOld              Code = "too_old"               // over before the history the tenant wants began
	BeyondHorizon       Code = "beyond_horizon"        // too far ahead; looked at again when it comes near
	OwnerExcluded       Code = "owner_excluded"        // its owner is none of those the tenant wants
	StatusExcluded      Code = "status_excluded"       // its status is none of those the tenant wants
	PrivateExcluded     Code = "private_excluded"      // the tenant wants no private ones
	CanceledRemoved     Code = "canceled_removed"      // the tenant wants such ones out of the calendar, as the next two
	CompletedRemoved    Code = "completed_removed"     //
	NoShowRemoved       Code = "no_show_removed"       //
	ForwardedNotCounted Code = "forwarded_not_counted" // a mail that was only passed on
	CallTooShort        Code = "call_too_short"        // shorter than the tenant counts
)

// Why a record is parked: somebody should look at it.
const (
	StartMissing        Code = "start_missing"
	EndMissing          Code = "end_missing"
	EndBeforeStart      Code = "end_before_start"
	TimeZoneUnknown     Code = "time_zone_unknown"
	TimeInvalid         Code = "time_invalid"
	OwnerMissing        Code = "owner_missing"
	UserMissing         Code = "user_missing"
	OccurredMissing     Code = "occurred_missing"
	OccurredAfterLogged Code = "occurred_after_logged"
	MappingFailed       Code = "mapping_failed"       // a rule of the tenant's mapping can't be followed, with the field it fills
	RecurrenceInvalid   Code = "recurrence_invalid"   // its rule, an exception date or its place in a series cannot be read
	RecurrenceTooDense  Code = "recurrence_too_dense" // it repeats more often than a calendar can show
	AppRejected         Code = "app_rejected"         // the app refused it, with the field it named
	DestinationError    Code = "destination_error"    // the app fails on this record alone
	SourceError         Code = "source_error"         // Acme fails on this record or range alone
	Unreadable          Code = "unreadable"           // not a record in Acme's contract
	TooLarge            Code = "too_large"            // over 1 MB
	InternalDefect      Code = "defect"               // our own fault
	MassDelete          Code = "mass_delete"          // far more records are absent at once than is believed
	StreamBlocked       Code = "stream_blocked"       // too much of a slice failed alike
	AcmeRejected        Code = "acme_rejected"        // Acme refused what people have changed in the app
	DuplicateInAcme     Code = "duplicate_in_acme"    // an event made in the app doubles an appointment of Acme's
	ConflictUndecided   Code = "conflict"             // both sides have changed a field that is left to a person
	FlipLoop            Code = "flip_loop"            // both sides keep changing it back
)

// What is said of a record that is in step: not all of what people have in the app has a counterpart in Acme.
const (
	AttendeeUnknown   Code = "attendee_unknown"   // an attendee is no contact that is known; it stays in the app
	AttendeeAmbiguous Code = "attendee_ambiguous" // an attendee may be one of several contacts; it stays in the app
)

// How an envelope can end other than done.
const (
	EndedDeactivated Code = "deactivated"    // the tenant was deactivated first
	EndedGeneration  Code = "old_generation" // it belongs to an earlier activation
	EndedUnknown     Code = "unknown_object" // names nothing this product syncs
	EndedEcho        Code = "echo"           // a change of our own, told back
	EndedOneWay      Code = "one_way"        // a change in the app of a tenant whose records come from Acme alone
	EndedGone        Code = "gone"           // Acme has no such record
	EndedStreamOff   Code = "stream_off"     // the tenant has switched its stream off
)
