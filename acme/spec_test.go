package acme_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func TestSpec(t *testing.T) {
	t.Parallel()
	t.Run("is a valid OpenAPI 3.0.3 document", func(t *testing.T) {
		t.Parallel()
		doc, err := openapi3.NewLoader().LoadFromData(acme.Spec)
		require.NoError(t, err)
		require.NoError(t, doc.Validate(t.Context()))
		require.Equal(t, "3.0.3", doc.OpenAPI)
	})
}
