package mapping

import "strings"

// closest finds the name that somebody may have meant; empty where none is near.
func closest(typed string, known []string) string {
	best, least := "", 0
	for _, word := range known {
		d := distance(strings.ToLower(typed), word)
		if allowed := max(1, (len(word)+1)/3); d <= allowed && (best == "" || d < least) {
			best, least = word, d
		}
	}
	if best != "" {
		return best
	}
	for _, word := range known {
		if len(word) > 2 && strings.HasPrefix(strings.ToLower(typed), word) {
			return word
		}
	}
	return ""
}

// distance counts the letters to be added, removed, replaced or swapped with their neighbour to turn one word into the other.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var twoAgo []int
	before := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoAgo[j-2]+1)
			}
		}
		twoAgo, before = before, row
	}
	return before[len(b)]
}
