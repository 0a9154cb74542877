package mapping

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxText bounds every text that a function makes, in bytes. The functions on text are our own for that reason: the
// library's charge a result after it was made, and one call of its replace can make gigabytes.
const maxText = 64 << 10

var errTooLong = errors.New("a text of the expression gets too long")

// Causes that our functions answer; they stand in people's sentences.
var (
	errNoEntry = errors.New("a table has no such entry and there is no default")
	errNoTable = errors.New("a table that is looked into is not there")
	errNoZone  = errors.New("a time zone is not a name such as Europe/Paris")
	errNoTime  = errors.New("a text is no time that can be read")
	errNumber  = errors.New("a number is out of bounds")
)

// functions are what expressions can do beyond CEL's own operators.
func functions(z *zones, tables Tables) []cel.EnvOption {
	text, list := cel.StringType, cel.ListType(cel.StringType)
	table := cel.MapType(cel.StringType, cel.StringType)
	member := func(name string, out *cel.Type, do func(args []ref.Val) ref.Val, args ...*cel.Type) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload("text_"+name+fmt.Sprint(len(args)), args, out, cel.FunctionBinding(variadic(do))))
	}
	global := func(name, id string, out *cel.Type, do func(args []ref.Val) ref.Val, args ...*cel.Type) cel.EnvOption {
		return cel.Function(name, cel.Overload(id, args, out, cel.FunctionBinding(variadic(do))))
	}
	return []cel.EnvOption{
		cel.Macros(cel.GlobalMacro("phone", 1, inOwnRegion)),
		global("phone", "phone_region", text, celPhone, text, text),
		global("tz", "tz_text", text, z.celWallClock, cel.TimestampType, text),
		global("tz", "tz_layout", text, z.celWallClock, cel.TimestampType, text, text),
		global("tz", "tz_instant", cel.TimestampType, z.celInstant, text, text),
		global("lookup", "lookup_named", text, tables.celLookup, text, text),
		global("lookup", "lookup_named_default", text, tables.celLookup, text, text, text),
		global("lookup", "lookup_inline", text, celLookup, table, text),
		global("lookup", "lookup_inline_default", text, celLookup, table, text, text),
		global("strip_html", "strip_html", text, onString(plainText), text),
		member("trim", text, onString(strings.TrimSpace), text),
		member("lower", text, onString(strings.ToLower), text),
		member("upper", text, onString(strings.ToUpper), text),
		member("truncate", text, celTruncate, text, cel.IntType),
		member("replace", text, celReplace, text, text, text),
		member("split", list, celSplit, text, text),
		member("join", text, celJoin, list, text),
		cel.CostModel(
			cost.Overload("phone_region", cost.EvalCost(cost.Const(50)), cost.ResultSize(cost.AtMost(cost.Const(maxTypedPhone)))),
			cost.Overload("tz_text", cost.EvalCost(cost.Const(10)), cost.ResultSize(cost.Const(20))),
			cost.Overload("tz_layout", cost.EvalCost(cost.Const(10)), cost.ResultSize(cost.AtMost(cost.Scale(cost.Arg(2), 4)))),
			cost.Overload("tz_instant", cost.EvalCost(cost.Const(10))),
			cost.Overload("strip_html", scans(cost.Scale(cost.Arg(0), 10)), cost.ResultSize(cost.AtMost(cost.Const(maxNotes)))),
			cost.Overload("lookup_named", cost.EvalCost(cost.Const(5)), cost.ResultSize(cost.AtMost(cost.Const(500)))),
			cost.Overload("lookup_named_default", cost.EvalCost(cost.Const(5)), cost.ResultSize(cost.AtMost(cost.Const(500)))),
			cost.Overload("lookup_inline", cost.EvalCost(cost.Const(5)), cost.ResultSize(cost.AtMost(cost.Const(500)))),
			cost.Overload("lookup_inline_default", cost.EvalCost(cost.Const(5)), cost.ResultSize(cost.AtMost(cost.Const(500)))),
			cost.MemberOverload("text_trim1", scans(cost.Target()), cost.ResultSize(cost.AtMost(cost.Target()))),
			cost.MemberOverload("text_lower1", scans(cost.Target()), cost.ResultSize(cost.Target())),
			cost.MemberOverload("text_upper1", scans(cost.Target()), cost.ResultSize(cost.Target())),
			cost.MemberOverload("text_truncate2", scans(cost.Target()), cost.ResultSize(cost.AtMost(cost.Target()))),
			cost.MemberOverload("text_replace3", scans(cost.Sum(cost.Target(), cost.Result())),
				cost.ResultSize(cost.AtMost(cost.Min(cost.Const(maxText), cost.Mul(cost.Sum(cost.Target(), cost.Const(1)), cost.Sum(cost.Arg(1), cost.Const(1))))))),
			cost.MemberOverload("text_split2", cost.EvalCost(cost.AllocList(cost.StringScan(cost.Target()), cost.Length(cost.Result()))),
				cost.ResultSize(cost.List(cost.AtMost(cost.Target()), cost.AtMost(cost.Target())))),
			cost.MemberOverload("text_join2", scans(cost.Sum(cost.Length(cost.Target()), cost.Length(cost.Result()))),
				cost.ResultSize(cost.AtMost(cost.Const(maxText)))),
		),
	}
}

func scans(text cost.QuantityExpr) cost.OverloadModelOption {
	return cost.EvalCost(cost.Sum(cost.Const(1), cost.StringScan(text)))
}

func variadic(do func([]ref.Val) ref.Val) func(...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val { return do(args) }
}

// inOwnRegion makes phone(x) mean phone(x, account.region).
func inOwnRegion(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	return f.NewCall("phone", args[0], f.NewSelect(f.NewIdent("account"), "region")), nil
}

// str reads an argument whose type was not known before as text.
func str(args []ref.Val, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	s, ok := args[i].(types.String)
	return string(s), ok
}

func bounded(text string) ref.Val {
	if len(text) > maxText {
		return types.WrapErr(errTooLong)
	}
	return types.String(text)
}

func wrongType() ref.Val { return types.NewErr("no such overload") }

func onString(do func(string) string) func([]ref.Val) ref.Val {
	return func(args []ref.Val) ref.Val {
		text, ok := str(args, 0)
		if !ok {
			return wrongType()
		}
		return bounded(do(text))
	}
}

// celPhone is the number as E.164 if it exists, else as it was typed.
func celPhone(args []ref.Val) ref.Val {
	typed, ok := str(args, 0)
	region, okRegion := str(args, 1)
	if !ok || !okRegion {
		return wrongType()
	}
	return types.String(phone([]string{typed}, region))
}

// celInstant reads a text as a time on the clocks of a zone.
func (z *zones) celInstant(args []ref.Val) ref.Val {
	text, ok := str(args, 0)
	name, okName := str(args, 1)
	if !ok || !okName {
		return wrongType()
	}
	zone, ok := z.load(name)
	if !ok {
		return types.WrapErr(errNoZone)
	}
	r, ok := readTime(text)
	switch {
	case !ok:
		return types.WrapErr(errNoTime)
	case r.hasOffset:
		return instant(r.wall.Add(-r.offset))
	}
	return instant(resolve(r.wall, zone))
}

func instant(at time.Time) ref.Val {
	if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 {
		return types.WrapErr(errNoTime)
	}
	return types.Timestamp{Time: at}
}

// celWallClock writes a time as the clocks of a zone show it, as "2026-06-01 14:30" or by a layout of its own.
func (z *zones) celWallClock(args []ref.Val) ref.Val {
	at, ok := args[0].(types.Timestamp)
	name, okName := str(args, 1)
	if !ok || !okName {
		return wrongType()
	}
	zone, ok := z.load(name)
	if !ok {
		return types.WrapErr(errNoZone)
	}
	layout := "yyyy-MM-dd HH:mm"
	if len(args) == 3 {
		if layout, ok = str(args, 2); !ok {
			return wrongType()
		}
	}
	return bounded(written(at.In(zone), layout))
}

// written fills yyyy, MM, dd, HH, mm and ss into a layout; everything else stays as it is.
func written(at time.Time, layout string) string {
	return strings.NewReplacer("yyyy", at.Format("2006"), "MM", at.Format("01"), "dd", at.Format("02"),
		"HH", at.Format("15"), "mm", at.Format("04"), "ss", at.Format("05")).Replace(layout)
}

func (t Tables) celLookup(args []ref.Val) ref.Val {
	name, ok := str(args, 0)
	key, okKey := str(args, 1)
	if !ok || !okKey {
		return wrongType()
	}
	table, ok := t[name]
	if !ok {
		return types.WrapErr(errNoTable)
	}
	if value, ok := table[strings.TrimSpace(key)]; ok {
		return types.String(value)
	}
	return otherwise(args)
}

func celLookup(args []ref.Val) ref.Val {
	table, ok := args[0].(interface {
		Find(ref.Val) (ref.Val, bool)
	})
	key, okKey := str(args, 1)
	if !ok || !okKey {
		return wrongType()
	}
	if value, found := table.Find(types.String(strings.TrimSpace(key))); found {
		if text, ok := value.(types.String); ok {
			return text
		}
		return wrongType()
	}
	return otherwise(args)
}

func otherwise(args []ref.Val) ref.Val {
	if len(args) == 3 {
		if text, ok := str(args, 2); ok {
			return types.String(text)
		}
		return wrongType()
	}
	return types.WrapErr(errNoEntry)
}

func celTruncate(args []ref.Val) ref.Val {
	text, ok := str(args, 0)
	length, okLength := args[1].(types.Int)
	switch {
	case !ok || !okLength:
		return wrongType()
	case length < 1 || length > maxText:
		return types.WrapErr(errNumber)
	}
	return types.String(clip(text, int(length)))
}

func celReplace(args []ref.Val) ref.Val {
	text, ok := str(args, 0)
	old, okOld := str(args, 1)
	with, okWith := str(args, 2)
	if !ok || !okOld || !okWith {
		return wrongType()
	}
	found := strings.Count(text, old)
	if old == "" {
		found = utf8.RuneCountInString(text) + 1
	}
	if found > maxText || len(text)+found*(len(with)-len(old)) > maxText {
		return types.WrapErr(errTooLong)
	}
	return types.String(strings.ReplaceAll(text, old, with))
}

func celSplit(args []ref.Val) ref.Val {
	text, ok := str(args, 0)
	at, okAt := str(args, 1)
	switch {
	case !ok || !okAt:
		return wrongType()
	case len(text) > maxText:
		return types.WrapErr(errTooLong)
	}
	return types.NewStringList(types.DefaultTypeAdapter, strings.Split(text, at))
}

func celJoin(args []ref.Val) ref.Val {
	list, ok := args[0].(interface {
		Size() ref.Val
		Get(ref.Val) ref.Val
	})
	separator, okSeparator := str(args, 1)
	if !ok || !okSeparator {
		return wrongType()
	}
	size, ok := list.Size().(types.Int)
	if !ok || size > maxText {
		return types.WrapErr(errTooLong)
	}
	var b strings.Builder
	for i := range size {
		text, ok := list.Get(i).(types.String)
		switch {
		case !ok:
			return wrongType()
		case b.Len()+len(separator)+len(text) > maxText:
			return types.WrapErr(errTooLong)
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(string(text))
	}
	return types.String(b.String())
}
