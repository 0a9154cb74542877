-- +goose Up
CREATE TABLE tenants (
  tenant       text PRIMARY KEY CHECK (tenant ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  cell         text NOT NULL DEFAULT 'main',
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  state        text NOT NULL DEFAULT 'draft' CHECK (state IN
                 ('draft', 'starting', 'active', 'needs_reauth', 'queued', 'paused', 'stopped', 'deactivated')),
  state_since  timestamptz NOT NULL DEFAULT now(),
  state_reason text NOT NULL DEFAULT '',
  generation   bigint NOT NULL DEFAULT 0,
  epoch        bigint NOT NULL DEFAULT 0,
  rules        integer NOT NULL DEFAULT 1,
  config       jsonb NOT NULL DEFAULT '{}',
  version      bigint NOT NULL DEFAULT 1,
  created_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN tenants.state IS 'draft → starting → active; starting, active ⇄ paused, needs_reauth; any but draft → stopped, deactivated → starting';
COMMENT ON COLUMN tenants.generation IS 'raised by each activation; whatever belongs to an older one is refused';
COMMENT ON COLUMN tenants.epoch IS 'raised by each command that lanes must notice; checked by every page commit';
COMMENT ON COLUMN tenants.version IS 'for ETag: raised by each change a client can see';

CREATE TABLE connections (
  tenant           text NOT NULL REFERENCES tenants,
  connection       text NOT NULL DEFAULT 'main',
  acme_url         text NOT NULL,
  app_url          text NOT NULL,
  limit_owner      text NOT NULL,
  hook_endpoint    text NOT NULL UNIQUE,
  subscription_id  text NOT NULL DEFAULT '',
  subscribed_at    timestamptz,
  subscription_due timestamptz,
  region           text NOT NULL DEFAULT '',
  time_zone        text NOT NULL DEFAULT '',
  hook_seen_at     timestamptz,
  found_by_poll    bigint NOT NULL DEFAULT 0,
  missed_at        timestamptz,
  users_read_at     timestamptz,
  app_users_read_at timestamptz,
  PRIMARY KEY (tenant, connection)
);
COMMENT ON COLUMN connections.limit_owner IS 'whose rate limit the calls count against: an account or a partner key';
COMMENT ON COLUMN connections.subscription_due IS 'when the subscription is to be looked at again';
COMMENT ON COLUMN connections.found_by_poll IS 'records a poll brought that no webhook had named';

-- One data key per tenant, wrapped by the keyset of the installation. Dropping the row makes all bodies of the tenant unreadable.
CREATE TABLE tenant_keys (
  tenant     text NOT NULL REFERENCES tenants,
  key_id     text NOT NULL,
  wrapped    bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, key_id)
);

CREATE TABLE secrets (
  tenant     text NOT NULL,
  connection text NOT NULL,
  name       text NOT NULL CHECK (name IN ('acme_api_key', 'app_token', 'hook_secret', 'hook_secret_old')),
  sealed     bytea NOT NULL,
  key_id     text NOT NULL,
  set_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, name),
  FOREIGN KEY (tenant, connection) REFERENCES connections
);

CREATE TABLE commands (
  tenant     text NOT NULL REFERENCES tenants,
  command_id text NOT NULL CHECK (length(command_id) BETWEEN 1 AND 200),
  name       text NOT NULL,
  actor      text NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, command_id)
);
COMMENT ON TABLE commands IS 'a command id applies once, whether it came by the API or from the Temporal Web UI';

CREATE TABLE audit (
  tenant text NOT NULL REFERENCES tenants,
  seq    bigint GENERATED ALWAYS AS IDENTITY,
  at     timestamptz NOT NULL DEFAULT now(),
  actor  text NOT NULL,
  action text NOT NULL,
  target text NOT NULL DEFAULT '',
  detail text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, seq)
);

CREATE TABLE cleanups (
  tenant     text NOT NULL,
  connection text NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('unsubscribe', 'remove_events')),
  target     text NOT NULL,
  due_at     timestamptz NOT NULL DEFAULT now(),
  tries      integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, connection, kind, target),
  FOREIGN KEY (tenant, connection) REFERENCES connections
);
COMMENT ON TABLE cleanups IS 'effects outside that a stopping workflow could not undo in time; the sweep does';
