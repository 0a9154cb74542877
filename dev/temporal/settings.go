package temporal

import "go.temporal.io/server/common/dynamicconfig"

// settings raises the limits that Temporal sets for shared production clusters. With its defaults a local
// server polls its task queues 20 times a second, and each activity waits about 100 ms for nothing.
func settings() dynamicconfig.StaticClient {
	const (
		pollsPerSecond    = 2_000
		requestsPerSecond = 20_000
		queriesPerSecond  = 100_000
	)
	return dynamicconfig.StaticClient{
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true, // a search attribute is good as soon as it is made
		dynamicconfig.TransferProcessorMaxPollRPS.Key():             pollsPerSecond,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():                pollsPerSecond,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key():           pollsPerSecond,

		dynamicconfig.FrontendRPS.Key():                                  requestsPerSecond,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():           requestsPerSecond,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): requestsPerSecond,
		dynamicconfig.HistoryRPS.Key():                                   requestsPerSecond,
		dynamicconfig.MatchingRPS.Key():                                  requestsPerSecond,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                    queriesPerSecond,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                     queriesPerSecond,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                    queriesPerSecond,

		// The product sets fairness keys; without this the server ignores them.
		dynamicconfig.MatchingEnableFairness.Key(): true,
		// A development server does not report its version to anyone.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}
