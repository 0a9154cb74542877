// Package workflows decides when things run and who is responsible for them: TenantSync (one
// per living tenant), Review (one per fingerprint of parked records) and Sweep (one for all).
// What the data is stands in Postgres: every run reads its state from there, so any workflow
// may be reset, terminated or started again with nothing lost. Histories carry opaque ids,
// counts and names of streams, never a record and never personal data.
package workflows
