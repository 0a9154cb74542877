package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"acmesync"
)

// Changed lists by JSON pointer what differs between two configurations, in order. A list counts as one.
func Changed(before, after acmesync.Config) ([]string, error) {
	was, err := asTree(before)
	if err != nil {
		return nil, err
	}
	is, err := asTree(after)
	if err != nil {
		return nil, err
	}
	changed := []string{}
	differences("", was, is, func(pointer string) { changed = append(changed, pointer) })
	return changed, nil
}

func asTree(c acmesync.Config) (map[string]any, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write a configuration: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("read a configuration: %w", err)
	}
	return tree, nil
}

// differences takes a missing object for an empty one: an empty part means what none means.
func differences(at string, before, after any, found func(pointer string)) {
	was, wasObject := before.(map[string]any)
	is, isObject := after.(map[string]any)
	if (wasObject || before == nil) && (isObject || after == nil) && (wasObject || isObject) {
		names := map[string]bool{}
		for name := range was {
			names[name] = true
		}
		for name := range is {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			differences(at+"/"+escape(name), was[name], is[name], found)
		}
		return
	}
	if !reflect.DeepEqual(before, after) {
		found(at)
	}
}

// effects say by the beginning of a pointer whose records a change of it may alter; the longest that fits holds. A pointer that
// fits none alters all.
var effects = map[string][]acmesync.Stream{
	"/poll_seconds":                     nil,
	"/page_size":                        nil,
	"/poll":                             nil,
	"/sns":                              nil,
	"/appointments":                     {acmesync.Appointments},
	"/appointments/conflict":            nil, // what both sides change from now on, as the next
	"/appointments/when/deleted_in_app": nil,
	"/touchpoints":                      {acmesync.Touchpoints},
	"/people":                           {acmesync.Appointments, acmesync.Touchpoints},
	"/people/region":                    {acmesync.Appointments},
	"/profile/files":                    nil, // what is taken from now on, but for the next
	"/profile/files/only":               {acmesync.Appointments, acmesync.Touchpoints, acmesync.Contacts, acmesync.Users},
	"/profile":                          {acmesync.Appointments, acmesync.Touchpoints, acmesync.Contacts, acmesync.Users},
}

// Affected lists the streams whose records may come to something else by the changes, in the order they are walked: they are to
// be read again from their beginning.
func Affected(changed []string) []acmesync.Stream {
	hit := map[acmesync.Stream]bool{}
	for _, pointer := range changed {
		for _, stream := range effectOf(pointer) {
			hit[stream] = true
		}
	}
	affected := []acmesync.Stream{}
	for _, stream := range append(acmesync.Polled(), acmesync.Users) {
		if hit[stream] {
			affected = append(affected, stream)
		}
	}
	return affected
}

func effectOf(pointer string) []acmesync.Stream {
	for at := pointer; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if streams, known := effects[at]; known {
			return streams
		}
	}
	return effects["/profile"]
}
