package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"acmesync/api/server/problem"

	"github.com/gin-gonic/gin"
)

// Handler puts routes and gates together. It fails where the routes and the description differ.
func (s *Server) Handler() (http.Handler, error) {
	engine, err := s.engine()
	if err != nil {
		return nil, err
	}
	return engine, nil
}

func (s *Server) engine() (*gin.Engine, error) {
	spec, err := readSpec(s.Spec)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	// Paths are matched as they came: what is unescaped first could pass for another path.
	engine.UseEscapedPath, engine.UnescapePathValues = true, false
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("trust no proxy: %w", err)
	}
	engine.Use(s.identify, s.observe, s.recover, plainHeaders)
	engine.NoRoute(func(c *gin.Context) { s.refuse(c, problem.New(problem.NotFound, "")) })
	engine.NoMethod(func(c *gin.Context) { s.refuse(c, problem.New(problem.MethodNotAllowed, "")) })

	callers := newCallers(s.Keys)
	seats := make(chan struct{}, maxConcurrent)
	described := spec.operations()
	for _, r := range s.routes() {
		operation, ok := described[r.method+" "+r.path]
		if !ok {
			return nil, fmt.Errorf("%s %s is not described in openapi.yaml", r.method, r.path)
		}
		delete(described, r.method+" "+r.path)
		var gates []gin.HandlerFunc
		if r.who == keyHolders {
			gates = append(gates, s.gate(callers.admit), s.gate(takeSeat(seats)), s.gate(operation.validate))
		}
		engine.Handle(r.method, ginPath(r.path), append(gates, s.gate(r.do))...)
	}
	for missing := range described {
		return nil, fmt.Errorf("%s is described in openapi.yaml but not served", missing)
	}
	s.spec = spec
	return engine, nil
}

// gate lets a handler end with an error, which becomes a problem and ends the request.
func (s *Server) gate(do func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := do(c); err != nil {
			s.refuse(c, err)
		}
	}
}

// ginPath writes {name} as :name.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// param is a parameter of the path, unescaped once. One that cannot be unescaped names nothing.
func param(c *gin.Context, name string) string {
	value, err := url.PathUnescape(c.Param(name))
	if err != nil {
		return ""
	}
	return value
}
