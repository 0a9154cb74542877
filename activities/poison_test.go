package activities

import (
	"fmt"
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestPortion(t *testing.T) {
	t.Parallel()
	page := func(tries, records int) acmesync.Page { return acmesync.Page{Tries: tries, Records: records} }
	t.Run("a page is opened whole the first three times", func(t *testing.T) {
		t.Parallel()
		for tries := range 3 {
			require.Equal(t, -1, portion(page(tries, 200)))
			require.False(t, spent(page(tries, 200)))
		}
	})
	t.Run("from then on each claim takes half of what the one before took, and never none", func(t *testing.T) {
		t.Parallel()
		var took []int
		for tries := 3; tries < 14; tries++ {
			took = append(took, portion(page(tries, 200)))
		}
		require.Equal(t, []int{100, 50, 25, 12, 6, 3, 1, 1, 1, 1, 1}, took)
		require.Equal(t, 1, portion(page(100, 200)), "however often")
	})
	t.Run("a page of any size comes down to one record before it is spent, and is spent soon after", func(t *testing.T) {
		t.Parallel()
		for records := range 2001 {
			alone := 0
			for tries := acmesync.PoisonTries; !spent(page(tries, records)); tries++ {
				require.Less(t, tries, 20, "%d records", records)
				if portion(page(tries, records)) == 1 {
					alone++
				}
			}
			require.Positive(t, alone, "%d records: no single one was tried", records)
		}
	})
}

// claims plays an inbox that holds one page with poisonous records: whoever opens one dies, and only what was committed
// before is left. It answers which records were parked and after how many claims nothing was left.
func claims(t *testing.T, records int, poison map[int]bool) (parked []int, claimed int) {
	t.Helper()
	left := make([]int, records)
	for i := range left {
		left[i] = i
	}
	tries := 0
	for len(left) > 0 {
		require.Less(t, claimed, 1000, "it never ends")
		claimed++
		p := acmesync.Page{Tries: tries, Records: len(left)}
		tries++ // committed with the claim
		allowed := portion(p)
		if allowed < 0 {
			allowed = len(left)
		}
		opened := left[:allowed]
		died := false
		for _, n := range opened {
			if poison[n] && !spent(p) {
				died = true
				break
			}
		}
		if died {
			continue
		}
		for _, n := range opened {
			if spent(p) {
				parked = append(parked, n)
			}
		}
		left = left[allowed:]
		tries = min(tries, acmesync.PoisonTries) // progress begins the halving again
	}
	return parked, claimed
}

func TestPoison(t *testing.T) {
	t.Parallel()
	t.Run("a page without poison is one claim", func(t *testing.T) {
		t.Parallel()
		parked, claimed := claims(t, 200, nil)
		require.Empty(t, parked)
		require.Equal(t, 1, claimed)
	})
	for _, at := range []int{0, 1, 99, 100, 198, 199} {
		t.Run(fmt.Sprintf("the poisonous record %d of 200 parks, its neighbours do not", at), func(t *testing.T) {
			t.Parallel()
			parked, claimed := claims(t, 200, map[int]bool{at: true})
			require.Equal(t, []int{at}, parked)
			require.Less(t, claimed, 60)
		})
	}
	t.Run("several poisonous records park, and nothing else", func(t *testing.T) {
		t.Parallel()
		parked, _ := claims(t, 50, map[int]bool{0: true, 1: true, 25: true, 49: true})
		require.Equal(t, []int{0, 1, 25, 49}, parked)
	})
	t.Run("a page of one poisonous record parks it", func(t *testing.T) {
		t.Parallel()
		parked, _ := claims(t, 1, map[int]bool{0: true})
		require.Equal(t, []int{0}, parked)
	})
}
