package mapping

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/overloads"
)

// Bounds of an expression. A unit of cost is about 50 ns. As cost alone ends an evaluation, and no clock does, an
// expression has the same end anywhere.
const (
	maxExpression = 4_000   // characters
	maxNodes      = 500     // operands and operators, macros expanded
	maxNesting    = 3       // loops in one another or one after the other
	maxEstimate   = 500_000 // cost for the largest ordinary record
	maxCost       = 50_000  // cost for one record
	maxMemory     = 100_000 // elements of all values at once
)

// language is what expressions of one tenant are written in.
type language struct {
	env     *cel.Env
	known   *known
	catalog *catalog
	tables  Tables
}

func newLanguage(c *catalog, tables Tables, z *zones) (*language, error) {
	k, err := newKnown(c)
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(withoutZones())),
		cel.CustomTypeProvider(k), cel.CustomTypeAdapter(k),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(50), cel.ExpressionNodeLimit(maxNodes),
		cel.RegexProgramSizeLimit(1_000),
		cel.OptionalTypes(), cel.ClearMacros(), cel.Macros(cel.StandardMacros...),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals(),
			cel.ValidateComprehensionNestingLimit(maxNesting)),
		cel.Variable("custom", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("contact", celType(shapePerson)), cel.Variable("contacts", celType(shapePeople)),
	}
	for name, o := range map[string]*object{"appointment": c.appointment, "owner": c.user, "account": c.account, "event": c.event} {
		options = append(options, cel.Variable(name, cel.ObjectType(o.name)))
	}
	e, err := cel.NewCustomEnv(append(options, functions(z, tables)...)...)
	if err != nil {
		return nil, err
	}
	return &language{env: e, known: k, catalog: c, tables: tables}, nil
}

// withoutZones leaves out what reads time zones by itself: it knows "Local", the machine's own. tz takes its place.
func withoutZones() *env.LibrarySubset {
	zoned := map[string]string{
		overloads.TimeGetFullYear: overloads.TimestampToYearWithTz, overloads.TimeGetMonth: overloads.TimestampToMonthWithTz,
		overloads.TimeGetDayOfYear: overloads.TimestampToDayOfYearWithTz, overloads.TimeGetDayOfMonth: overloads.TimestampToDayOfMonthZeroBasedWithTz,
		overloads.TimeGetDate: overloads.TimestampToDayOfMonthOneBasedWithTz, overloads.TimeGetDayOfWeek: overloads.TimestampToDayOfWeekWithTz,
		overloads.TimeGetHours: overloads.TimestampToHoursWithTz, overloads.TimeGetMinutes: overloads.TimestampToMinutesWithTz,
		overloads.TimeGetSeconds: overloads.TimestampToSecondsWithTz, overloads.TimeGetMilliseconds: overloads.TimestampToMillisecondsWithTz,
	}
	subset := &env.LibrarySubset{}
	for name, overload := range zoned {
		subset.ExcludeFunctions = append(subset.ExcludeFunctions, &env.Function{Name: name, Overloads: []*env.Overload{{ID: overload}}})
	}
	return subset
}
