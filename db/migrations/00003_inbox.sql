-- +goose Up
CREATE TABLE lanes (
  tenant    text NOT NULL REFERENCES tenants,
  lane      text NOT NULL CHECK (lane IN ('fetch', 'deliver')),
  shard     smallint NOT NULL DEFAULT 0,
  token     bigint NOT NULL DEFAULT 0,
  marked_at timestamptz,
  alive_at  timestamptz,
  due_at    timestamptz,
  PRIMARY KEY (tenant, lane, shard)
) WITH (fillfactor = 50);
COMMENT ON COLUMN lanes.token IS 'raised by each attempt: a commit with an older one is refused; never lowered, not by deactivation either';
COMMENT ON COLUMN lanes.marked_at IS 'there may be work; flipped after the commit that brought it, cleared by the attempt before its last look';
COMMENT ON COLUMN lanes.alive_at IS 'last sign of life of the present attempt; null when none runs';
COMMENT ON COLUMN lanes.due_at IS 'when the lane has to run next even if nobody rings';

CREATE TABLE envelopes (
  day         date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
  id          uuid NOT NULL,
  tenant      text NOT NULL,
  connection  text NOT NULL,
  generation  bigint NOT NULL,
  schema      smallint NOT NULL DEFAULT 1,
  lane        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('hint', 'page', 'order', 'raw')),
  way         text NOT NULL,
  stream      text NOT NULL,
  priority    smallint NOT NULL DEFAULT 0,
  acme_id     text,
  version     bigint NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL DEFAULT now(),
  tries       smallint NOT NULL DEFAULT 0,
  records     integer NOT NULL DEFAULT 1,
  done        integer NOT NULL DEFAULT 0,
  duplicate   integer NOT NULL DEFAULT 0,
  superseded  integer NOT NULL DEFAULT 0,
  parked      integer NOT NULL DEFAULT 0,
  outcome     text,
  rest        text[],
  bytes       integer NOT NULL DEFAULT 0,
  body        bytea,
  key_id      text NOT NULL DEFAULT '',
  received_at timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);
ALTER TABLE envelopes ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX envelopes_waiting ON envelopes (tenant, lane, priority, id) INCLUDE (bytes, records, due_at) WHERE ended_at IS NULL;
CREATE INDEX envelopes_of_record ON envelopes (tenant, acme_id) WHERE acme_id IS NOT NULL;
COMMENT ON COLUMN envelopes.tries IS 'claims that did not end it; committed before the body is opened';
COMMENT ON COLUMN envelopes.records IS 'arrivals in it: records = done + duplicate + superseded + parked once it has ended';
COMMENT ON COLUMN envelopes.rest IS 'records still to do after a partial answer; null: all';
COMMENT ON COLUMN envelopes.body IS 'zstd, then sealed with the tenant''s key; null 7 days after the end';

CREATE TABLE arrivals (
  day         date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
  tenant      text NOT NULL,
  connection  text NOT NULL,
  stream      text NOT NULL,
  way         text NOT NULL,
  envelope    uuid NOT NULL,
  ids         text[] NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (day, tenant, envelope)
) PARTITION BY RANGE (day);
COMMENT ON TABLE arrivals IS 'which records a page brought, without bodies: answers where is my record';

CREATE TABLE arrival_totals (
  tenant     text NOT NULL REFERENCES tenants,
  stream     text NOT NULL,
  received   bigint NOT NULL DEFAULT 0,
  done       bigint NOT NULL DEFAULT 0,
  duplicate  bigint NOT NULL DEFAULT 0,
  superseded bigint NOT NULL DEFAULT 0,
  parked     bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, stream)
);
COMMENT ON TABLE arrival_totals IS 'what dropped partitions of envelopes had counted';

CREATE TABLE hook_ids (
  endpoint    text NOT NULL,
  webhook_id  text NOT NULL,
  tenant      text NOT NULL,
  body_sha    bytea NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (endpoint, webhook_id)
) PARTITION BY HASH (endpoint);
-- +goose StatementBegin
DO $$
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE format('CREATE TABLE hook_ids_%s PARTITION OF hook_ids FOR VALUES WITH (MODULUS 8, REMAINDER %s)', i, i);
  END LOOP;
END $$;
-- +goose StatementEnd

CREATE TABLE positions (
  tenant        text NOT NULL,
  connection    text NOT NULL,
  stream        text NOT NULL,
  generation    bigint NOT NULL,
  cursor        text NOT NULL DEFAULT '',
  watermark_at  timestamptz,
  watermark_id  text NOT NULL DEFAULT '',
  walking       boolean NOT NULL DEFAULT false,
  backfilled_at timestamptz,
  polled_at     timestamptz,
  due_at        timestamptz NOT NULL DEFAULT now(),
  page_limit    integer NOT NULL DEFAULT 0,
  page_failures integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, connection, stream),
  FOREIGN KEY (tenant, connection) REFERENCES connections
);
COMMENT ON COLUMN positions.cursor IS 'Acme''s, short-lived; refused: start again at the watermark';
COMMENT ON COLUMN positions.watermark_at IS 'ours: updated_at of the last record committed, never past Acme''s own clock';
COMMENT ON COLUMN positions.walking IS 'a walk is under way: the cursor is good for the next page';
COMMENT ON COLUMN positions.page_limit IS 'smaller than usual while an unreadable page is being narrowed down; 0: usual';
