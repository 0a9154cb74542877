package app

import "strings"

// readResults reads the answer of a bulk write as the app writes it: known fields, no escapes, no
// blanks. Anything else makes it give up, and encoding/json decides. It is here because every
// delivered record has such an answer: BenchmarkDecodeResults shows the difference, FuzzAnswer that
// it never reads what encoding/json reads otherwise. The text has to be valid UTF-8.
func readResults(answer string, n int) ([]Result, bool) {
	r := reader{rest: strings.TrimSuffix(answer, "\n"), ok: true}
	r.expect(`{"results":[`)
	results := make([]Result, 0, n)
	for r.ok && !r.skip(`]`) {
		if len(results) > 0 {
			r.expect(",")
		}
		r.expect("{")
		var one Result
		for first := true; r.ok && !r.skip("}"); first = false {
			if !first {
				r.expect(",")
			}
			r.field(&one)
		}
		results = append(results, one)
	}
	r.expect("}")
	return results, r.ok && r.rest == ""
}

// reader walks over text; once something is not as expected it is not ok and stays so.
type reader struct {
	rest string
	ok   bool
}

func (r *reader) field(to *Result) {
	name := r.text()
	r.expect(":")
	switch name {
	case "external_id":
		to.ExternalID = r.text()
	case "status":
		to.Status = ResultStatus(r.text())
	case "id":
		to.ID = r.text()
	case "revision":
		to.Revision = r.number()
	case "version":
		to.Version = r.number()
	case "code":
		to.Code = r.text()
	case "field":
		to.Field = r.text()
	case "message":
		to.Message = r.text()
	default:
		r.ok = false
	}
}

func (r *reader) expect(s string) {
	if !r.skip(s) {
		r.ok = false
	}
}

func (r *reader) skip(s string) bool {
	rest, found := strings.CutPrefix(r.rest, s)
	if found {
		r.rest = rest
	}
	return found
}

// text is a string without escapes and control characters.
func (r *reader) text() string {
	r.expect(`"`)
	for i := 0; r.ok && i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			s := r.rest[:i]
			r.rest = r.rest[i+1:]
			return s
		case c == '\\', c < ' ':
			r.ok = false
		}
	}
	r.ok = false
	return ""
}

// number is a positive integer of up to 18 digits.
func (r *reader) number() int64 {
	n, i := int64(0), 0
	for i < len(r.rest) && r.rest[i] >= '0' && r.rest[i] <= '9' {
		n = n*10 + int64(r.rest[i]-'0')
		if i++; i > 18 || n == 0 {
			r.ok = false
			return 0
		}
	}
	r.rest = r.rest[i:]
	r.ok = r.ok && i > 0
	return n
}
