package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// expression compiles a rule's expression. The second answer tells whether it reads what its target holds already.
func (c *compiler) expression(text string, t *target) (func(*record) (any, cause), bool) {
	l, err := c.speak()
	if err != nil {
		c.problem("/cel", "Expressions can't be read here.", "Tell support: this is a defect of ours.")
		return nil, false
	}
	checked, issues := l.env.Compile(text)
	if issues.Err() != nil {
		c.tell(issues.Errors())
		return nil, false
	}
	seen := l.look(checked.NativeRep().Expr(), t)
	c.owner = c.owner || seen.owner
	if seen.message != "" {
		at := checked.NativeRep().SourceInfo().GetStartLocation(seen.at)
		c.refuse(at.Line(), at.Column(), seen.message, seen.hint)
		return nil, false
	}
	if out := checked.OutputType(); t != nil && !fitsType(t, out) {
		c.refuse(1, 0, t.name+" takes "+t.wants()+", and the expression gives "+out.String()+".", makeFit(t, out))
		return nil, false
	}
	estimate, err := l.env.EstimateCost(checked, sizes{})
	if err != nil || estimate.Max > maxEstimate {
		c.refuse(1, 0, "The expression may take too long.", "Use fewer loops in one another, or shorter texts.")
		return nil, false
	}
	program, err := l.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory))
	if err != nil {
		c.refuse(1, 0, "The expression can't be made ready.", "Simplify it.")
		return nil, false
	}
	return l.evaluation(program, t), seen.continues
}

// refuse tells what is wrong at a place of the expression: its line from 1, its column from 0.
func (c *compiler) refuse(line, column int, message, hint string) {
	c.problems = append(c.problems, Problem{Pointer: c.at + "/cel", Message: message, Hint: hint, Line: max(line, 1), Column: max(column, 0) + 1})
}

// speak makes the language when the first expression comes.
func (c *compiler) speak() (*language, error) {
	if c.language != nil {
		return c.language, nil
	}
	l, err := newLanguage(c.catalog, c.tables, c.zones)
	if err == nil {
		c.language = l
	}
	return l, err
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']*)'`)
	undefined  = regexp.MustCompile(`undefined field '([^']*)'`)
)

// maxTold bounds what is told of one expression: the later ones mostly follow from the first.
const maxTold = 3

// tell makes problems of the checker's errors.
func (c *compiler) tell(errs []*cel.Error) {
	for _, e := range errs[:min(len(errs), maxTold)] {
		message, hint := c.language.explain(e.Message)
		c.refuse(e.Location.Line(), e.Location.Column(), message, hint)
	}
}

// explain says in our words what the checker says in its own.
func (l *language) explain(text string) (message, hint string) {
	if m := undeclared.FindStringSubmatch(text); m != nil {
		return "There is no variable or function " + m[1] + ".",
			didYouMean(closest(m[1], l.words()), "Variables are "+quoted(l.catalog.roots())+".")
	}
	if m := undefined.FindStringSubmatch(text); m != nil {
		return "There is no field " + m[1] + " there.", didYouMean(closest(m[1], l.fieldNames()), "See the list of sources.")
	}
	switch {
	case strings.Contains(text, "nesting limit"):
		message = "There are more than " + strconv.Itoa(maxNesting) + " loops in one another or one after the other."
		hint = "Use fewer of map, filter, all and exists."
	case strings.Contains(text, "found no matching overload"):
		message = spoken(text)
		hint = "Check what the function or operator takes; string(x) makes text of a number, and custom fields may need it."
	default:
		message, hint = spoken(text), "Correct the expression at this place."
	}
	return message, hint
}

// words are all names that may stand alone or before a bracket.
func (l *language) words() []string {
	words := l.catalog.roots()
	for name := range l.env.Functions() {
		if unicode.IsLetter(rune(name[0])) {
			words = append(words, name)
		}
	}
	slices.Sort(words)
	return words
}

func (l *language) fieldNames() []string {
	var names []string
	for _, o := range l.known.objects {
		names = append(names, o.names()...)
	}
	slices.Sort(names)
	return names
}

func spoken(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return strings.TrimSuffix(string(unicode.ToUpper(first))+text[size:], ".") + "."
}

// sighting is what was seen in an expression.
type sighting struct {
	continues     bool
	owner         bool
	message, hint string
	at            int64
}

// look walks through a checked expression for what the checker lets pass.
func (l *language) look(e ast.Expr, t *target) sighting {
	var s sighting
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			s.owner = s.owner || e.AsIdent() == "owner"
		case ast.StructKind:
			s.message, s.hint, s.at = "Objects can't be made in an expression.", `Attendees are written as maps: [{"name": contact.name}].`, e.ID()
		case ast.SelectKind:
			operand := e.AsSelect().Operand()
			s.continues = s.continues || t != nil && operand.Kind() == ast.IdentKind && operand.AsIdent() == "event" && e.AsSelect().FieldName() == t.name
		case ast.CallKind:
			args := e.AsCall().Args()
			if e.AsCall().FunctionName() != "lookup" || args[0].Kind() != ast.LiteralKind {
				return
			}
			name, _ := args[0].AsLiteral().(types.String)
			if _, ok := l.tables[string(name)]; !ok {
				s.message, s.at = "There is no table "+strconv.Quote(short(string(name)))+".", args[0].ID()
				s.hint = didYouMean(closest(string(name), sortedKeys(l.tables)), "Add it to appointments.tables.")
			}
		default: // the checker has seen to it
		}
	}))
	return s
}

// fitsType tells whether an expression's type can fill a target; dyn is looked at record by record.
func fitsType(t *target, out *cel.Type) bool {
	if out.IsExactType(cel.DynType) || out.IsExactType(cel.NullType) && t.shape == shapeText {
		return true
	}
	switch t.shape {
	case shapeMoment:
		return out.IsExactType(cel.TimestampType) || out.IsExactType(celType(shapeMoment))
	case shapePeople:
		if out.Kind() != types.ListKind {
			return false
		}
		one := out.Parameters()[0]
		return one.IsExactType(celType(shapePerson)) || one.IsExactType(cel.MapType(cel.StringType, cel.StringType)) ||
			one.IsExactType(cel.DynType) || one.IsExactType(cel.MapType(cel.StringType, cel.DynType)) || one.Kind() == types.TypeParamKind
	default:
		return out.IsExactType(cel.StringType)
	}
}

func makeFit(t *target, out *cel.Type) string {
	switch {
	case t.shape == shapePeople:
		return `Give contacts, or a list of maps such as [{"name": contact.name, "email": contact.email}].`
	case t.shape == shapeMoment:
		return `Give a moment or a timestamp; tz("2026-06-01T14:30:00", "Europe/Paris") makes one of text.`
	case out.IsExactType(cel.TimestampType):
		return `Use tz(…, "Europe/Paris") to write it as text.`
	case out.IsExactType(celType(shapeMoment)):
		return `Use tz(….at, "Europe/Paris") to write it as text.`
	case out.Kind() == types.ListKind:
		return `Use .join(", ") to make one text of it.`
	}
	return "Use string(…) to make text of it."
}

// sizes are how much an ordinary record holds at most, for the estimate of an expression's cost.
type sizes struct{}

// EstimateCallCost says how much comes out of an optional, of which the library knows nothing.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	switch function {
	case "orValue", "or", "value":
		return cost.NewCallEstimate(cost.FixedCostEstimate(1), &cost.SizeEstimate{Max: 500})
	}
	return nil
}

// EstimateSize says how much stands in a field.
func (sizes) EstimateSize(of cost.AstNode) *cost.SizeEstimate {
	path, most := of.Path(), uint64(500)
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	switch {
	case of.ComputedSize() != nil:
		return nil
	case of.Type().Kind() == types.ListKind:
		most = 20
	case of.Type().Kind() == types.StringKind:
		if last == "notes_html" || last == "description" {
			most = maxNotes
		}
	case len(path) > 4:
		most = 1
	default: // an extra field: text, or a list
		most = 50
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}
