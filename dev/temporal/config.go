package temporal

import (
	"fmt"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"acmesync/dev/ports"
	"acmesync/dev/temporal/ready"
)

const (
	storeName   = sqliteplugin.PluginName
	clusterName = "active"
	loopback    = "127.0.0.1"
	disabled    = "disabled"
)

// config describes one server with all four services in this process. internal are the ports of history,
// matching and worker, in this order, which nobody outside speaks to.
func (s Server) config(internal []int) *config.Config {
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}},
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  storeName,
			NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{storeName: {SQL: &config.SQL{
				PluginName:   storeName,
				DatabaseName: s.File,
				// With a write-ahead log "normal" loses nothing when the process is killed, only when the machine dies.
				ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "normal"},
			}}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             ports.Address(s.Port),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(s.Port),
			string(primitives.HistoryService):  service(internal[0]),
			string(primitives.MatchingService): service(internal[1]),
			string(primitives.WorkerService):   service(internal[2]),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: disabled},
			Visibility: config.VisibilityArchival{State: disabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: disabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: disabled},
		}},
		PublicClient: config.PublicClient{HostPort: ports.Address(s.Port)},
	}
}

func service(port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
}

// hosts names the services' addresses outright. Temporal's own discovery would remember earlier starts, whose
// ports are gone, and wait for them.
func (s Server) hosts(internal []int) map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(ports.Address(s.Port)),
		primitives.HistoryService:  static.SingleLocalHost(ports.Address(internal[0])),
		primitives.MatchingService: static.SingleLocalHost(ports.Address(internal[1])),
		primitives.WorkerService:   static.SingleLocalHost(ports.Address(internal[2])),
	}
}

func namespaceDetail() (*sqlite.NamespaceConfig, error) {
	namespace, err := sqlite.NewNamespaceConfig(clusterName, ready.Namespace, false, nil)
	if err != nil {
		return nil, fmt.Errorf("describe the Temporal namespace: %w", err)
	}
	namespace.Detail.Config.Retention = durationpb.New(retention)
	return namespace, nil
}
