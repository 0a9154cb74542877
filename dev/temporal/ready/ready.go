// Package ready asks a Temporal server whether it serves. It stands apart from the server, so that who only
// asks does not carry the whole server in its binary.
package ready

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Namespace is the one namespace a development server has from the start.
const Namespace = "default"

// Serving returns nil when the server at the address answers workflow requests.
func Serving(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: "temporal.api.workflowservice.v1.WorkflowService"})
	if err != nil {
		return fmt.Errorf("ask Temporal for its health: %w", err)
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("the Temporal server says %s", answer.GetStatus())
	}
	return nil
}
