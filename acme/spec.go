package acme

import _ "embed"

// Spec is Acme's contract, OpenAPI 3.0.3 in YAML: what the client relies on and what acmetest holds a server to.
//
//go:embed openapi.yaml
var Spec []byte
