-- Contacts are found by phone as they are by e-mail. The index of those that are there already is filled when they are next read.

-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE people ADD COLUMN IF NOT EXISTS phone_index bytea;
COMMENT ON COLUMN people.phone_index IS 'keyed hash of the number as E.164: finds a contact without the number being readable';
DROP INDEX IF EXISTS people_by_phone;
CREATE INDEX CONCURRENTLY people_by_phone ON people (tenant, connection, phone_index) WHERE kind = 'contact' AND phone_index IS NOT NULL;
