package server

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"acmesync/api/server/problem"
	"acmesync/config"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"
)

const (
	keyRequestID = "request_id"
	keyActor     = "actor"

	headerRequestID = "X-Request-Id"

	maxConcurrent = 64 // requests that work at the same time; the pool of connections is smaller
	seatTimeout   = 2 * time.Second
)

// identify takes the caller's request id, or draws one, and gives it back.
func (s *Server) identify(c *gin.Context) {
	id := c.GetHeader(headerRequestID)
	if !usableRequestID(id) {
		id = rand.Text()
	}
	c.Set(keyRequestID, id)
	c.Header(headerRequestID, id)
}

func usableRequestID(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// observe logs each request by its route, never by its address or body. Reads that went well and hooks are of interest to
// nobody by themselves: they come by the second and would drown what people have asked for.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	level := zap.InfoLevel
	wellRead := c.Request.Method == http.MethodGet && c.Writer.Status() < http.StatusBadRequest
	if wellRead || !strings.HasPrefix(c.FullPath(), "/v1/") {
		level = zap.DebugLevel
	}
	if entry := s.Log.Check(level, "answered"); entry != nil {
		entry.Write(zap.String("method", knownMethod(c.Request.Method)), zap.String("route", c.FullPath()), zap.Int("status", c.Writer.Status()),
			zap.Duration("took", time.Since(start)), zap.String("request_id", c.GetString(keyRequestID)), zap.String("actor", c.GetString(keyActor)))
	}
}

var plainMethod = regexp.MustCompile(`^[A-Z]{1,10}$`)

func knownMethod(method string) string {
	if plainMethod.MatchString(method) {
		return method
	}
	return "other"
}

// recover turns a panic into an internal error; the process lives.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		if fault := recover(); fault != nil {
			s.Log.Error("handler panicked", zap.String("route", c.FullPath()), zap.String("fault", fmt.Sprintf("%.200v", fault)),
				zap.ByteString("stack", debug.Stack()), zap.String("request_id", c.GetString(keyRequestID)))
			c.Abort()
			if !c.Writer.Written() {
				problem.New(problem.Internal, "").Write(c.Writer, c.GetString(keyRequestID))
			}
		}
	}()
	c.Next()
}

func plainHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// refuse answers with the problem a failure is, and logs what nobody expected.
func (s *Server) refuse(c *gin.Context, err error) {
	p, known := problem.Of(err)
	if !known || p.Status == http.StatusServiceUnavailable {
		s.Log.Error("request failed", zap.String("route", c.FullPath()), zap.String("request_id", c.GetString(keyRequestID)), zap.Error(err))
	}
	c.Abort()
	if !c.Writer.Written() {
		p.Write(c.Writer, c.GetString(keyRequestID))
	}
}

// callers are the holders of API keys. Only digests are kept.
type callers []caller

type caller struct {
	name   string
	digest [sha256.Size]byte
}

func newCallers(keys []config.APIKey) callers {
	all := make(callers, len(keys))
	for i, k := range keys {
		all[i] = caller{name: k.Name, digest: sha256.Sum256([]byte(k.Key.Reveal()))}
	}
	return all
}

// admit compares with every key, whichever fits: how long it takes tells nothing.
func (all callers) admit(c *gin.Context) error {
	refused := problem.New(problem.Unauthorized, "").Authenticate(`Bearer realm="acmesync"`)
	given := c.Request.Header.Values("Authorization")
	if len(given) != 1 {
		return refused
	}
	scheme, key, ok := strings.Cut(given[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return refused
	}
	digest := sha256.Sum256([]byte(key))
	name := ""
	for _, one := range all {
		if subtle.ConstantTimeCompare(digest[:], one.digest[:]) == 1 {
			name = one.name
		}
	}
	if name == "" {
		return refused
	}
	c.Set(keyActor, name)
	return nil
}

// takeSeat bounds how many requests work at the same time.
func takeSeat(seats chan struct{}) func(*gin.Context) error {
	return func(c *gin.Context) error {
		wait := time.NewTimer(seatTimeout)
		defer wait.Stop()
		select {
		case seats <- struct{}{}:
		case <-wait.C:
			return problem.New(problem.Overloaded, "").RetryAfter(time.Second)
		case <-c.Request.Context().Done():
			return c.Request.Context().Err()
		}
		defer func() { <-seats }()
		c.Next()
		return nil
	}
}
