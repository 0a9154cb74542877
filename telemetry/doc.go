// Package telemetry is how the programs log and measure: zap in front of everything, Temporal's logger and metrics
// included, and one small server for metrics and health. Only mains choose what it writes and where. A tenant's id is
// never a metric's label: there may be thousands; it stands in logs and search attributes.
package telemetry
