package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"
)

// spec is the description of the interface, as it is served and as requests are held to it.
type spec struct {
	document *openapi3.T
	yaml     []byte
	json     []byte
	page     []byte
}

func readSpec(text []byte) (*spec, error) {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	if err := document.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	encoded, err := document.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the description: %w", err)
	}
	page, err := docsPage(document)
	if err != nil {
		return nil, err
	}
	return &spec{document: document, yaml: text, json: encoded, page: page}, nil
}

// operations are what the description offers, by method and path.
func (s *spec) operations() map[string]operation {
	all := map[string]operation{}
	for path, item := range s.document.Paths.Map() {
		for method, o := range item.Operations() {
			all[method+" "+path] = operation{&routers.Route{Spec: s.document, Path: path, PathItem: item, Method: method, Operation: o}}
		}
	}
	return all
}

func (s *Server) specYAML(c *gin.Context) error {
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", s.spec.yaml)
	return nil
}

func (s *Server) specJSON(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", s.spec.json)
	return nil
}

func (s *Server) docs(c *gin.Context) error {
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+docsStyleHash()+"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Data(http.StatusOK, "text/html; charset=utf-8", s.spec.page)
	return nil
}

// live answers as long as the process can.
func (s *Server) live(c *gin.Context) error {
	c.String(http.StatusOK, "ok\n")
	return nil
}

const readyTimeout = 2 * time.Second

var errNoTemporal = errors.New("no way to ask Temporal")

// ready needs Postgres; Temporal is told of but not needed: commands and hooks are kept without it.
func (s *Server) ready(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	temporal := make(chan error, 1)
	go func() {
		if s.Temporal == nil {
			temporal <- errNoTemporal
			return
		}
		temporal <- s.Temporal(ctx)
	}()
	postgres := s.DB.Ping(ctx)
	status := http.StatusOK
	if postgres != nil {
		status = http.StatusServiceUnavailable
	}
	c.JSON(status, gin.H{"postgres": health(postgres), "temporal": health(<-temporal)})
	return nil
}

func health(err error) string {
	if err != nil {
		return "unavailable"
	}
	return "ok"
}
