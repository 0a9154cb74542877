package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/api/server/problem"
	"acmesync/control"

	"github.com/gin-gonic/gin"
)

// tenantAnswer is a tenant as it is shown.
type tenantAnswer struct {
	control.View
	WebhookURL string `json:"webhook_url"`
	SNSURL     string `json:"sns_url"`
}

func (s *Server) answerTenant(c *gin.Context, status int, v control.View) {
	c.Header("ETag", etag(v.Version))
	c.JSON(status, s.shown(v))
}

func (s *Server) shown(v control.View) tenantAnswer {
	way := "acme"
	if profile, problems := acme.ParseProfile(v.Config.Profile); len(problems) == 0 && profile.PushesSOAP() {
		way = "soap"
	}
	return tenantAnswer{View: v, WebhookURL: s.PublicURL + "/hooks/" + way + "/" + v.HookEndpoint, SNSURL: s.PublicURL + "/hooks/sns/" + v.HookEndpoint}
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// tenantID is the tenant of the path. An id that could not exist is as unknown as any other.
func tenantID(c *gin.Context) (acmesync.TenantID, error) {
	id := acmesync.TenantID(param(c, "tenant"))
	if !id.Valid() {
		return "", acmesync.ErrNotFound
	}
	return id, nil
}

// ofTenant reads something of the tenant in the path, of which there may be nothing though the tenant is there.
func ofTenant[T any](ctx context.Context, s *Server, c *gin.Context, read func(context.Context, acmesync.TenantID) (T, error)) (acmesync.Tenant, T, error) {
	var none T
	id, err := tenantID(c)
	if err != nil {
		return acmesync.Tenant{}, none, err
	}
	t, err := s.DB.Tenant(ctx, id)
	if err != nil {
		return t, none, err
	}
	found, err := read(ctx, id)
	return t, found, err
}

func (s *Server) createTenant(c *gin.Context) error {
	var in struct {
		ID   acmesync.TenantID `json:"id"`
		Name string            `json:"name"`
		Acme struct {
			BaseURL string `json:"base_url"`
			Limit   *struct {
				Requests   int `json:"requests"`
				PerSeconds int `json:"per_seconds"`
			} `json:"rate_limit"`
		} `json:"acme"`
		App struct {
			BaseURL string `json:"base_url"`
		} `json:"app"`
		Config json.RawMessage `json:"config"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	v, err := s.Control.Create(c.Request.Context(), control.NewTenant{
		ID: in.ID, Name: in.Name, AcmeURL: in.Acme.BaseURL, AppURL: in.App.BaseURL, Limit: (*control.RateLimit)(in.Acme.Limit), Config: in.Config,
	}, c.GetString(keyActor))
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/tenants/"+string(in.ID))
	s.answerTenant(c, http.StatusCreated, v)
	return nil
}

func (s *Server) listTenants(c *gin.Context) error {
	after, err := s.after(c, "tenants")
	if err != nil {
		return err
	}
	tenants, err := s.DB.Tenants(c.Request.Context(), acmesync.TenantID(after), limit(c))
	if err != nil {
		return err
	}
	last := ""
	if len(tenants) > 0 {
		last = string(tenants[len(tenants)-1].ID)
	}
	c.JSON(http.StatusOK, gin.H{"tenants": tenants, "next_cursor": s.nextCursor(len(tenants) == limit(c), last, "tenants")})
	return nil
}

func (s *Server) getTenant(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	v, err := s.Control.Tenant(c.Request.Context(), id)
	if err != nil {
		return err
	}
	s.answerTenant(c, http.StatusOK, v)
	return nil
}

func (s *Server) configureTenant(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	var in struct {
		Config json.RawMessage `json:"config"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	v, err := s.Control.Configure(c.Request.Context(), id, version, in.Config, c.GetString(keyActor))
	if err != nil {
		return err
	}
	s.answerTenant(c, http.StatusOK, v)
	return nil
}

// ifMatch is the version a change was made for; 0: any.
func ifMatch(c *gin.Context) (int64, error) {
	given := strings.TrimSpace(c.GetHeader("If-Match"))
	if given == "" || given == "*" {
		return 0, nil
	}
	version, err := strconv.ParseInt(strings.Trim(given, `"`), 10, 64)
	if err != nil || version <= 0 || given != etag(version) {
		return 0, problem.New(problem.VersionChanged, "If-Match names no version of this.")
	}
	return version, nil
}

func (s *Server) setCredentials(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	var in struct {
		Acme struct {
			APIKey string `json:"api_key"`
		} `json:"acme"`
		App struct {
			Token string `json:"token"`
		} `json:"app"`
		Files struct {
			KeyID  string `json:"key_id"`
			Secret string `json:"secret"`
		} `json:"files"`
		Lookup struct {
			Token string `json:"token"`
		} `json:"lookup"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	secrets := acmesync.Credentials{
		AcmeAPIKey: in.Acme.APIKey, AppToken: in.App.Token, LookupToken: in.Lookup.Token, FilesKeyID: in.Files.KeyID, FilesSecret: in.Files.Secret,
	}
	if err := s.Control.SetCredentials(c.Request.Context(), id, secrets, c.GetString(keyActor)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) checkTenant(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	check, err := s.Control.Check(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, check)
	return nil
}

func (s *Server) getBalance(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	balance, err := s.Control.Balance(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, balance)
	return nil
}

func (s *Server) listHolds(c *gin.Context) error {
	_, holds, err := ofTenant(c.Request.Context(), s, c, s.DB.Holds)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"holds": holds})
	return nil
}

func (s *Server) listDrift(c *gin.Context) error {
	_, drifts, err := ofTenant(c.Request.Context(), s, c, s.DB.Drifts)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"drift": drifts})
	return nil
}
