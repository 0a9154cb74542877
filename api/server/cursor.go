package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"acmesync/api/server/problem"

	"github.com/gin-gonic/gin"
)

const (
	defaultLimit = 100
	cursorMAC    = 16
)

// limit is how many entries a page may have; the description has checked it.
func limit(c *gin.Context) int {
	n, err := strconv.Atoi(c.Query("limit"))
	if err != nil {
		return defaultLimit
	}
	return n
}

// nextCursor names the place after the last entry of a full page, for this very list only; an unfinished page is the last.
func (s *Server) nextCursor(full bool, after string, list ...string) string {
	if !full {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.cursorSum(after, list), after...))
}

// after reads a cursor of this very list. One that was made up, or for another list, tenant or filter, is refused.
func (s *Server) after(c *gin.Context, list ...string) (string, error) {
	text := c.Query("cursor")
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= cursorMAC {
		return "", problem.New(problem.InvalidCursor, "")
	}
	after := string(raw[cursorMAC:])
	if !hmac.Equal(raw[:cursorMAC], s.cursorSum(after, list)) {
		return "", problem.New(problem.InvalidCursor, "")
	}
	return after, nil
}

// cursorSum signs a place in a list. Each part goes in with its length, so that no two lists read alike.
func (s *Server) cursorSum(after string, list []string) []byte {
	key := sha256.Sum256([]byte("cursor/" + s.CursorSecret.Reveal()))
	mac := hmac.New(sha256.New, key[:])
	for _, part := range append([]string{"cursor", after}, list...) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:cursorMAC]
}
