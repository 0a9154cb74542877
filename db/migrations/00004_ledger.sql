-- +goose Up
CREATE TABLE known (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  PRIMARY KEY (tenant, connection, stream, acme_id)
);
COMMENT ON TABLE known IS 'every record fetch has ever seen, written by the fetch lane alone: what the ledger is balanced against';

CREATE TABLE ledger (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  schema     smallint NOT NULL DEFAULT 1,
  steps      smallint NOT NULL DEFAULT 0,
  generation bigint NOT NULL,
  version    bigint NOT NULL,
  revision   bigint NOT NULL DEFAULT 0,
  hash       uuid NOT NULL,
  source_at  timestamptz NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  state      text NOT NULL CHECK (state IN ('in_step', 'skipped', 'parked', 'deleted')),
  code       text NOT NULL DEFAULT '',
  field      text NOT NULL DEFAULT '',
  owner_id   text NOT NULL DEFAULT '',
  app_id     text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, connection, stream, acme_id)
) WITH (fillfactor = 90);
COMMENT ON COLUMN ledger.state IS 'any → any: what the record''s newest version came to';
COMMENT ON COLUMN ledger.hash IS '128 bits over record, its people, rules version, patch and tombstone: a write is due when it differs';
COMMENT ON COLUMN ledger.steps IS 'effects outside that were taken: 1 = the app holds an event';

CREATE TABLE people (
  tenant      text NOT NULL,
  connection  text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('contact', 'user', 'app_user')),
  person_id   text NOT NULL,
  schema      smallint NOT NULL DEFAULT 1,
  version     bigint NOT NULL DEFAULT 0,
  hash        uuid NOT NULL,
  merged_into text NOT NULL DEFAULT '',
  email_index bytea,
  body        bytea NOT NULL,
  key_id      text NOT NULL,
  read_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, kind, person_id)
);
COMMENT ON COLUMN people.email_index IS 'keyed hash of the lower-case address: finds a person without the address being readable';

CREATE TABLE links (
  tenant     text NOT NULL,
  connection text NOT NULL,
  contact_id text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  ends_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant, connection, contact_id, stream, acme_id)
);
COMMENT ON TABLE links IS 'which future events name a contact, so that a change of the contact reaches them and only them';

CREATE TABLE facts (
  tenant     text NOT NULL,
  connection text NOT NULL,
  acme_id    text NOT NULL,
  user_id    text NOT NULL,
  day        date NOT NULL,
  channel    text NOT NULL,
  direction  text NOT NULL,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, connection, acme_id)
);
COMMENT ON TABLE facts IS 'touch-points that count; user_id is the app''s, day is in that user''s zone';

CREATE TABLE cells (
  tenant     text NOT NULL,
  connection text NOT NULL,
  user_id    text NOT NULL,
  day        date NOT NULL,
  channel    text NOT NULL,
  direction  text NOT NULL,
  n          integer NOT NULL DEFAULT 0,
  changed    bigint NOT NULL DEFAULT 1,
  sent       bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, connection, user_id, day, channel, direction)
);
CREATE INDEX cells_due ON cells (tenant, connection) WHERE changed > sent;
COMMENT ON COLUMN cells.changed IS 'counts changes; the cell is due while sent is lower, and sent is only raised to what was read with n';

CREATE TABLE holds (
  tenant     text NOT NULL,
  connection text NOT NULL,
  dependency text NOT NULL CHECK (dependency IN ('acme', 'app')),
  stream     text NOT NULL DEFAULT '',
  kind       text NOT NULL,
  reason     text NOT NULL,
  since      timestamptz NOT NULL DEFAULT now(),
  tries      integer NOT NULL DEFAULT 1,
  next_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant, connection, dependency, stream)
);

CREATE TABLE reviews (
  tenant      text NOT NULL,
  fingerprint text NOT NULL,
  connection  text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('records', 'stream_blocked')),
  stream      text NOT NULL,
  code        text NOT NULL,
  field       text NOT NULL DEFAULT '',
  state       text NOT NULL CHECK (state IN ('open', 'compensating', 'resolved', 'reopened')),
  state_since timestamptz NOT NULL DEFAULT now(),
  opened_at   timestamptz NOT NULL DEFAULT now(),
  noticed_at  timestamptz,
  PRIMARY KEY (tenant, fingerprint)
);
COMMENT ON COLUMN reviews.state IS 'open, reopened → compensating → resolved; open → resolved; resolved → reopened';
COMMENT ON COLUMN reviews.noticed_at IS 'when a workflow last took the review over; null while none has: the sweep starts one';

CREATE TABLE parked (
  tenant      text NOT NULL,
  connection  text NOT NULL,
  stream      text NOT NULL,
  acme_id     text NOT NULL,
  fingerprint text NOT NULL,
  code        text NOT NULL,
  field       text NOT NULL DEFAULT '',
  message     text NOT NULL,
  version     bigint NOT NULL DEFAULT 0,
  tries       integer NOT NULL DEFAULT 1,
  schema      smallint NOT NULL DEFAULT 1,
  body_id     uuid NOT NULL,
  body        bytea,
  key_id      text NOT NULL DEFAULT '',
  parked_at   timestamptz NOT NULL DEFAULT now(),
  closed_at   timestamptz,
  closed_how  text NOT NULL DEFAULT '' CHECK (closed_how IN ('', 'retried', 'discarded', 'newer_version')),
  closed_by   text NOT NULL DEFAULT '',
  reason      text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, connection, stream, acme_id),
  FOREIGN KEY (tenant, fingerprint) REFERENCES reviews
);
ALTER TABLE parked ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX parked_open ON parked (tenant, fingerprint) WHERE closed_at IS NULL;

CREATE TABLE budgets (
  limit_owner   text PRIMARY KEY,
  requests      integer NOT NULL DEFAULT 0,
  per_seconds   integer NOT NULL DEFAULT 10,
  live_share    double precision NOT NULL DEFAULT 0.2,
  tokens        double precision NOT NULL DEFAULT 0,
  refilled_at   timestamptz NOT NULL DEFAULT now(),
  blocked_until timestamptz
);
COMMENT ON TABLE budgets IS 'Acme''s rate limit per owner, leased in chunks by every process; requests 0: no limit known';
