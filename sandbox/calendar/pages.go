package calendar

import (
	"context"
	"net/http"
)

func (s *Sandbox) routePages(mux *http.ServeMux, feeds context.Context) {}
