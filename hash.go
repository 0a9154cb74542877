package acmesync

import (
	"crypto/sha256"
	"encoding/hex"
)

// Hash is 128 bits of SHA-256 over all parts, each with its length, in a UUID's form.
func Hash(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		n := len(p)
		_, _ = h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) // a hash takes everything
		_, _ = h.Write(p)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	var out [36]byte
	hex.Encode(out[0:8], sum[0:4])
	hex.Encode(out[9:13], sum[4:6])
	hex.Encode(out[14:18], sum[6:8])
	hex.Encode(out[19:23], sum[8:10])
	hex.Encode(out[24:36], sum[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
