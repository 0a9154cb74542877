package seed

import "acmesync/sandbox/crm/manifest"

// A deck deals defects to positions evenly, at most one to each, so that no stretch of records
// looks like an outage.
type deck struct {
	size  int
	dealt map[int]manifest.Code
}

func newDeck(size int) *deck { return &deck{size: size, dealt: map[int]manifest.Code{}} }

// deal spreads count cards of a code over the deck; turn shifts it against the other codes.
func (d *deck) deal(code manifest.Code, count int, turn float64) {
	if count <= 0 || d.size < 2*count {
		return
	}
	stride := float64(d.size) / float64(count)
	for i := range count {
		at := int((float64(i)+turn)*stride) % d.size
		for d.dealt[at] != "" {
			at = (at + 1) % d.size
		}
		d.dealt[at] = code
	}
}

// share is how many records of a kind that somebody has to repair there are: rare, but never none
// and never so many that they look like one big fault.
func share(of, one int) int {
	if of < 200 {
		return 0
	}
	return min(max(of/one, 2), 40)
}
