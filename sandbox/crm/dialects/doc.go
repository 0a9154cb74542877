// Package dialects says the sandbox's records in other CRMs' words: what two differently shaped APIs would answer for the
// very same records. Hub is modelled on HubSpot: properties in a map, associations, milliseconds, outcomes in capitals.
// Pipe is modelled on Pipedrive: activities of all kinds in one collection, date and time and length apart in UTC,
// numbers for ids.
//
// # What gets lost
//
// Hub keeps times of change to the millisecond; nothing else is lost.
//
// Pipe keeps times of change and of calls to the second or minute, and lengths to the minute. It knows no zones but UTC, no
// series, no reference and no origin. Only records whose id ends in the number that Acme gave have a number to be known by:
// others do not show. A status beside done is an outcome's name.
package dialects
