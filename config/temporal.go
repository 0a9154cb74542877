package config

import (
	"fmt"

	"go.temporal.io/sdk/client"
	temporalconfig "go.temporal.io/sdk/contrib/envconfig"
)

// Temporal reads how Temporal is reached, by the names its own tools use: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TEMPORAL_TLS…, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE.
func Temporal() (client.Options, error) {
	options, err := temporalconfig.LoadDefaultClientOptions()
	if err != nil {
		return client.Options{}, Faults{{Variable: "TEMPORAL_*", Problem: "cannot be used", Remedy: fmt.Sprintf("see that Temporal's own tools take them (%v)", err)}}
	}
	return options, nil
}
