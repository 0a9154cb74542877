package server

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// who may call a route.
type who int

const (
	keyHolders who = iota // whoever has an API key
	anyone
	signers // whoever can sign for the endpoint, or knows its address: the hook looks itself
)

// route is one line of the interface: nothing is served that does not stand here and in the description.
type route struct {
	method, path string
	who          who
	do           func(*gin.Context) error
}

func (s *Server) routes() []route {
	return []route{
		{http.MethodPost, "/v1/tenants", keyHolders, s.createTenant},
		{http.MethodGet, "/v1/tenants", keyHolders, s.listTenants},
		{http.MethodGet, "/v1/tenants/{tenant}", keyHolders, s.getTenant},
		{http.MethodPatch, "/v1/tenants/{tenant}", keyHolders, s.configureTenant},
		{http.MethodGet, "/v1/tenants/{tenant}/config", keyHolders, s.getConfig},
		{http.MethodPut, "/v1/tenants/{tenant}/config", keyHolders, s.putConfig},
		{http.MethodPatch, "/v1/tenants/{tenant}/config", keyHolders, s.patchConfig},
		{http.MethodGet, "/v1/tenants/{tenant}/config/versions", keyHolders, s.listConfigVersions},
		{http.MethodGet, "/v1/tenants/{tenant}/config/versions/{version}", keyHolders, s.getConfigVersion},
		{http.MethodPost, "/v1/tenants/{tenant}/preview", keyHolders, s.previewTenant(make(chan struct{}, previewsAtOnce))},
		{http.MethodPut, "/v1/tenants/{tenant}/credentials", keyHolders, s.setCredentials},
		{http.MethodPost, "/v1/tenants/{tenant}/check", keyHolders, s.checkTenant},
		{http.MethodPost, "/v1/tenants/{tenant}/activate", keyHolders, s.activate},
		{http.MethodPost, "/v1/tenants/{tenant}/pause", keyHolders, s.pause},
		{http.MethodPost, "/v1/tenants/{tenant}/resume", keyHolders, s.resume},
		{http.MethodPost, "/v1/tenants/{tenant}/sync", keyHolders, s.sync},
		{http.MethodPost, "/v1/tenants/{tenant}/backfill", keyHolders, s.backfill},
		{http.MethodPost, "/v1/tenants/{tenant}/deactivate", keyHolders, s.deactivate},
		{http.MethodGet, "/v1/tenants/{tenant}/balance", keyHolders, s.getBalance},
		{http.MethodGet, "/v1/tenants/{tenant}/holds", keyHolders, s.listHolds},
		{http.MethodGet, "/v1/tenants/{tenant}/drift", keyHolders, s.listDrift},
		{http.MethodPost, "/v1/tenants/{tenant}/audit", keyHolders, s.startAudit},
		{http.MethodGet, "/v1/tenants/{tenant}/audits", keyHolders, s.listAudits},
		{http.MethodGet, "/v1/tenants/{tenant}/audits/{audit}", keyHolders, s.getAudit},
		{http.MethodPost, "/v1/tenants/{tenant}/audits/{audit}/cancel", keyHolders, s.cancelAudit},
		{http.MethodGet, "/v1/tenants/{tenant}/audits/{audit}/differences", keyHolders, s.listDifferences},
		{http.MethodGet, "/v1/tenants/{tenant}/trail", keyHolders, s.listTrail},
		{http.MethodPost, "/v1/tenants/{tenant}/imports", keyHolders, s.openImport},
		{http.MethodGet, "/v1/tenants/{tenant}/imports", keyHolders, s.listImports},
		{http.MethodGet, "/v1/tenants/{tenant}/imports/{import}", keyHolders, s.getImport},
		{http.MethodPatch, "/v1/tenants/{tenant}/imports/{import}", keyHolders, s.receiveImport(make(chan struct{}, uploadsAtOnce))},
		{http.MethodGet, "/v1/tenants/{tenant}/touchpoints", keyHolders, s.listTouchpoints},
		{http.MethodGet, "/v1/tenants/{tenant}/records", keyHolders, s.listRecords},
		{http.MethodGet, "/v1/tenants/{tenant}/records/{stream}/{acme_id}", keyHolders, s.getRecord},
		{http.MethodGet, "/v1/reviews", keyHolders, s.listReviews},
		{http.MethodGet, "/v1/reviews/{review}", keyHolders, s.getReview},
		{http.MethodGet, "/v1/reviews/{review}/records", keyHolders, s.listReviewRecords},
		{http.MethodPost, "/v1/reviews/{review}/decisions", keyHolders, s.decideReview},

		{http.MethodPost, "/hooks/acme/{endpoint}", signers, s.receiveAcmeHook},
		{http.MethodPost, "/hooks/app/{endpoint}", signers, s.receiveAppHook},
		{http.MethodPost, "/hooks/sns/{endpoint}", signers, s.receiveSNS},
		{http.MethodPost, "/hooks/soap/{endpoint}", signers, s.receiveSOAPHook},
		{http.MethodGet, "/hooks/soap/{endpoint}", signers, s.describeSOAPHook},

		{http.MethodGet, "/livez", anyone, s.live},
		{http.MethodGet, "/readyz", anyone, s.ready},
		{http.MethodGet, "/openapi.yaml", anyone, s.specYAML},
		{http.MethodGet, "/openapi.json", anyone, s.specJSON},
		{http.MethodGet, "/config.schema.json", anyone, s.configSchema},
		{http.MethodGet, "/docs", anyone, s.docs},
	}
}
