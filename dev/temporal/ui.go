package temporal

import (
	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"

	"acmesync/dev/ports"
	"acmesync/dev/temporal/ready"
)

// startUI serves the Web UI in the background and returns what stops it.
func (s Server) startUI() (stop func(), err error) {
	if err := listenable(s.UIPort); err != nil {
		return nil, err
	}
	ui := server.NewServer(server_options.WithConfigProvider(&config.Config{
		Host:                loopback,
		Port:                s.UIPort,
		TemporalGRPCAddress: ports.Address(s.Port),
		EnableUI:            true,
		DefaultNamespace:    ready.Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		// The page is served over plain HTTP on loopback, where a browser drops a cookie marked secure.
		CORS: config.CORS{CookieInsecure: true},
	}))
	go func() { _ = ui.Start() }()
	return ui.Stop, nil
}
