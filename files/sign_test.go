package files

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The examples that AWS publishes for S3, with the keys that they are made with.
func TestSignatures(t *testing.T) {
	t.Parallel()
	key := Key{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ address, ranged, signature string }{
		"a range of an object": {"https://examplebucket.s3.amazonaws.com/test.txt", "bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		"a listing": {"https://examplebucket.s3.amazonaws.com/?" + query(map[string]string{"prefix": "J", "max-keys": "2"}), "",
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		t.Run(name+" is signed as AWS signs it", func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.address, nil)
			require.NoError(t, err)
			if c.ranged != "" {
				r.Header.Set("Range", c.ranged)
			}
			key.authorise(r, at)
			require.Contains(t, r.Header.Get("Authorization"), "Signature="+c.signature)
		})
	}
	t.Run("a secret alone is a bearer token, and none is none", func(t *testing.T) {
		t.Parallel()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://b.example/", nil)
		require.NoError(t, err)
		Key{}.authorise(r, at)
		require.Empty(t, r.Header)
		Key{Secret: "s"}.authorise(r, at)
		require.Equal(t, "Bearer s", r.Header.Get("Authorization"))
	})
	require.Equal(t, "a%20b%2Fc~d%2B", escaped("a b/c~d+"))
}
