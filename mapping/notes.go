package mapping

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText reads HTML notes as a person would see them, at most maxNotes runes: paragraphs, line breaks and list
// items stay, everything else about the looks goes, scripts and styles with all they hold. Notes without a
// single tag keep the line breaks they were typed with.
func plainText(notes string) string {
	if notes == "" {
		return ""
	}
	p := page{limit: maxNotes + 1} // one more, so that clip sees that something is missing
	if !hasTag(notes) {
		p.pre = 1
	}
	z := html.NewTokenizer(strings.NewReader(notes))
	for p.runes < p.limit {
		switch z.Next() {
		case html.ErrorToken:
			return clip(p.String(), maxNotes)
		case html.TextToken:
			p.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			p.start(atom.Lookup(name))
		case html.EndTagToken:
			name, _ := z.TagName()
			p.end(atom.Lookup(name))
		case html.CommentToken, html.DoctypeToken: // nobody sees them
		}
	}
	return clip(p.String(), maxNotes)
}

// hasTag looks for what a browser would take for a tag or a comment.
func hasTag(text string) bool {
	for {
		at := strings.IndexByte(text, '<')
		if at < 0 || at+1 == len(text) {
			return false
		}
		text = text[at+1:]
		if c := text[0] | 0x20; c >= 'a' && c <= 'z' || text[0] == '/' || text[0] == '!' {
			return true
		}
	}
}

// page is the text read so far, and the white space that is due before the next visible character.
type page struct {
	strings.Builder
	runes, limit int

	breaks int    // line breaks due
	spaces int    // spaces due
	marker string // of a list item, due

	hidden atom.Atom // the element whose content nobody sees; 0: none
	pre    int       // elements that keep white space
	lists  []int     // open lists: the number of the last item, or bullets
}

const (
	bullets  = -1
	maxLists = 20 // open at once; deeper ones are no list a person wrote
)

func (p *page) start(tag atom.Atom) {
	if p.hidden != 0 {
		return
	}
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe, atom.Noscript, atom.Noframes, atom.Noembed:
		p.hidden = tag
	case atom.Br:
		p.newline()
	case atom.Pre:
		p.pre++
		p.apart(2)
	case atom.Ul:
		p.list(bullets)
	case atom.Ol:
		p.list(0)
	case atom.Li:
		p.item()
	case atom.Td, atom.Th:
		p.space()
	default:
		p.apart(margin(tag))
	}
}

func (p *page) end(tag atom.Atom) {
	if p.hidden != 0 {
		if p.hidden == tag {
			p.hidden = 0
		}
		return
	}
	switch tag {
	case atom.Pre:
		p.pre = max(p.pre-1, 0)
		p.apart(2)
	case atom.Ul, atom.Ol:
		p.lists = p.lists[:max(len(p.lists)-1, 0)]
		p.endList()
	case atom.Li:
		p.marker = ""
		p.apart(1)
	default:
		p.apart(margin(tag))
	}
}

// margin is how many line breaks an element stands apart by.
func margin(tag atom.Atom) int {
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Table, atom.Dl:
		return 2
	case atom.Div, atom.Tr, atom.Hr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Address, atom.Dt, atom.Dd:
		return 1
	default:
		return 0
	}
}

func (p *page) list(first int) {
	if len(p.lists) < maxLists {
		p.lists = append(p.lists, first)
	}
	if len(p.lists) > 1 { // inside an item
		p.apart(1)
		return
	}
	p.apart(2)
}

// endList stands the text after a list apart from it.
func (p *page) endList() {
	if len(p.lists) > 0 {
		p.apart(1)
		return
	}
	p.apart(2)
}

func (p *page) item() {
	p.marker = ""
	p.apart(1)
	if len(p.lists) == 0 {
		p.marker = "- "
		return
	}
	last := len(p.lists) - 1
	p.marker = strings.Repeat("  ", last)
	if p.lists[last] == bullets {
		p.marker += "- "
		return
	}
	p.lists[last]++
	p.marker += strconv.Itoa(p.lists[last]) + ". "
}

func (p *page) text(text string) {
	if p.hidden != 0 {
		return
	}
	for _, r := range text {
		switch {
		case r == '\n' && p.pre > 0:
			p.newline()
		case unicode.IsSpace(r) && p.pre > 0:
			p.spaces++
		case unicode.IsSpace(r):
			p.space()
		case !unicode.IsControl(r):
			p.visible(r)
		}
		if p.runes >= p.limit {
			return
		}
	}
}

func (p *page) space() { p.spaces = max(p.spaces, 1) }

// newline breaks the line; more than one empty line is never due.
func (p *page) newline() {
	p.breaks, p.spaces = min(p.breaks+1, 2), 0
}

// apart starts a new line, unless this one holds a list item's marker and nothing else.
func (p *page) apart(breaks int) {
	if breaks > 0 && p.marker == "" {
		p.breaks, p.spaces = max(p.breaks, breaks), 0
	}
}

func (p *page) visible(r rune) {
	begun := p.Len() > 0
	if begun && p.breaks > 0 {
		p.put(strings.Repeat("\n", p.breaks))
	}
	if p.marker == "" && begun && (p.breaks == 0 || p.pre > 0) {
		p.put(strings.Repeat(" ", min(p.spaces, p.limit)))
	}
	p.put(p.marker)
	p.breaks, p.spaces, p.marker = 0, 0, ""
	p.WriteRune(r)
	p.runes++
}

// put writes white space or a marker, of which a byte is a rune.
func (p *page) put(ascii string) {
	p.WriteString(ascii)
	p.runes += len(ascii)
}
