// Package db remembers: inbox, ledger, people, positions, holds, reviews, tenants, vault,
// audit. It is the authority on what is due, what is a duplicate and who may commit.
//
// Every method that works for a tenant opens one transaction that names the tenant
// (SET LOCAL acmesync.tenant); row-level security is the second wall behind the tenant
// in each statement. Methods that act across tenants go through functions and roles that
// see no bodies (migrations/00005_rights.sql).
//
// Bodies and credentials are sealed here and nowhere else: callers hand over and receive
// plain bytes, tables hold ciphertext bound to tenant, table, column and row.
package db
