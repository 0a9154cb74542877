package explore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"acmesync/drift"
	"acmesync/mapping"
)

// occasional fields say something by being there; that most records lack them is no news.
var occasional = []string{"deleted_at", "merged_into", "privacy_deleted_at", "series_id", "original_start", "recurrence", "external_ref", "email_status"}

// fields makes rows of what was counted, and says what of it matters.
func (e *Explorer) fields(w *walk) {
	if w.Keyless > 0 {
		severity := Loses
		if w.Keyless == w.Records {
			severity = Blocks
		}
		e.problem(severity, w.Name, "", "Records without a usable id, version or updated_at: "+share(w.Keyless, w.Records)+". Each parks as it came.")
	}
	used := mapping.Reads(e.Config, w.resource)
	counts := w.sample.Counts()
	for _, path := range slices.Sorted(maps.Keys(counts)) {
		c := counts[path]
		f := fieldOf(path, c)
		f.Used = slices.Contains(used, strings.TrimSuffix(path, "[]"))
		w.Fields = append(w.Fields, f)
		e.judgeField(w, f, c)
	}
	w.Custom = w.sample.Custom()
	for _, path := range used {
		if strings.HasPrefix(path, "custom.") && w.Records > 0 {
			e.judgeCustom(w, path)
		}
	}
}

func fieldOf(path string, c drift.Count) Field {
	f := Field{
		Path: path, Of: c.Of, Present: c.Present, Null: c.Null, Empty: c.Empty, Types: c.Types, Wrong: c.Wrong, Odd: c.Misshaped, Words: c.Words,
		Shortest: max(c.Shortest, 0), Longest: c.Longest,
	}
	if c.Field != nil {
		f.Contract, f.Required = c.Field.Type, c.Field.Required
		if c.Field.Format != "" && c.Field.Type == "string" {
			f.Contract += " (" + c.Field.Format + ")"
		}
		if len(c.Field.Words) > 0 {
			f.Contract += " (" + strings.Join(c.Field.Words, ", ") + ")"
		}
	}
	return f
}

// judgeField says what differs. That a field which is used is left out here and there is no fault: the mapping knows what to do.
func (e *Explorer) judgeField(w *walk, f Field, c drift.Count) {
	differs := Note
	if f.Used {
		differs = Loses
	}
	absent := f.Of - f.Present
	switch {
	case c.Field == nil:
		e.problem(Note, w.Name, f.Path, "The contract does not have this field: "+share(f.Present+f.Null, f.Of)+". Nothing uses it.")
		return
	case f.Required && !c.Field.Nullable && absent > 0:
		e.problem(differs, w.Name, f.Path, "Required by the contract, and missing in "+share(absent, f.Of)+".")
	case f.Used && absent > 0 && f.Required && !strings.Contains(f.Path, "."):
		e.problem(Loses, w.Name, f.Path, missing(f)+" Such records park.")
	case f.Used && absent > 0 && !slices.Contains(occasional, f.Path) && !strings.Contains(f.Path, "."):
		e.problem(Note, w.Name, f.Path, missing(f))
	}
	if f.Wrong > 0 {
		e.problem(differs, w.Name, f.Path, fmt.Sprintf("Not of the type %s in %s: %s.", c.Field.Type, share(f.Wrong, f.Present), typesOf(f.Types, c.Field.Type)))
	}
	if f.Odd > 0 {
		e.problem(differs, w.Name, f.Path, "Not of the contract's form in "+share(f.Odd, f.Present)+".")
	}
	if c.Strange > 0 {
		e.problem(differs, w.Name, f.Path, "Words that the contract does not list, in "+share(c.Strange, f.Present)+": "+
			strings.Join(slices.Sorted(maps.Keys(f.Words)), ", ")+".")
	}
	if strings.HasSuffix(f.Path, "time_zone") && f.Used && f.Empty > 0 {
		e.problem(Note, w.Name, f.Path, "Empty in "+share(f.Empty, f.Present)+": the account's zone stands for it.")
	}
}

// missing says of a field that is used how often it is not there.
func missing(f Field) string {
	absent := f.Of - f.Present
	left := absent - f.Null
	switch {
	case f.Null == 0:
		return "Used, and left out in " + share(left, f.Of) + "."
	case left == 0:
		return "Used, and null in " + share(f.Null, f.Of) + "."
	}
	return fmt.Sprintf("Used, and left out in %s, null in %s.", share(left, f.Of), share(f.Null, f.Of))
}

func typesOf(types map[string]int, contract string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if name != contract {
			all = append(all, fmt.Sprintf("%s %d", name, types[name]))
		}
	}
	return strings.Join(all, ", ")
}

// judgeCustom says how often a field is there that is the tenant's own and that its mapping reads. It may be an object with
// fields of its own.
func (e *Explorer) judgeCustom(w *walk, path string) {
	n := 0
	for name, records := range w.Custom {
		if name == path || strings.HasPrefix(name, path+".") {
			n = max(n, records)
		}
	}
	switch {
	case n == 0:
		e.problem(Loses, w.Name, path, "The mapping reads this field, and no record has it.")
	case n < w.Records:
		e.problem(Note, w.Name, path, "Used, and left out in "+share(w.Records-n, w.Records)+".")
	}
}
