package app

import _ "embed"

// Spec is the contract in OpenAPI 3.0.3, as openapi.yaml beside this file.
//
//go:embed openapi.yaml
var Spec []byte

const (
	// MaxItems is how many items one bulk write may hold.
	MaxItems = 500
	// MaxRequestBytes bounds the body of one bulk write.
	MaxRequestBytes = 16 << 20
	// MaxRevision is the largest revision: what a JSON number holds exactly everywhere.
	MaxRevision = 1<<53 - 1
)
