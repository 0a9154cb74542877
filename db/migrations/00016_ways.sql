-- Ways in beside webhooks: what is pushed says by which way it came, and an account's own name leads to its tenants where
-- a broker's message names nothing else.

-- +goose Up
ALTER TABLE connections ADD COLUMN account_id text NOT NULL DEFAULT '';
COMMENT ON COLUMN connections.account_id IS 'how Acme names the account; learnt when it is read. Several tenants may have the same';
CREATE INDEX connections_of_account ON connections (account_id) WHERE account_id <> '';

-- As the function of the version before, which programs of that version still call, with a way for each delivery.
-- +goose StatementBegin
CREATE FUNCTION intake_store(
  endpoints text[], webhook_ids text[], body_shas bytea[],
  delivery_of int[], ids uuid[], kinds text[], streams text[], acme_ids text[], versions bigint[],
  outcomes text[], bodies bytea[], key_ids text[], ways text[]
) RETURNS TABLE (delivery int, status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH alive AS MATERIALIZED (
    SELECT t.tenant, t.generation FROM tenants t
    WHERE t.state NOT IN ('draft', 'deactivated') AND t.tenant IN (SELECT c.tenant FROM connections c WHERE c.hook_endpoint = ANY (endpoints))
    ORDER BY t.tenant FOR SHARE
  ), delivered AS (
    SELECT d.n::int AS n, d.endpoint, d.webhook_id, d.sha, d.way, c.tenant, c.connection, t.generation
    FROM unnest(endpoints, webhook_ids, body_shas, ways) WITH ORDINALITY AS d (endpoint, webhook_id, sha, way, n)
    LEFT JOIN connections c ON c.hook_endpoint = d.endpoint
    LEFT JOIN alive t ON t.tenant = c.tenant
  ), firsts AS (
    SELECT min(n) AS n, endpoint, webhook_id FROM delivered WHERE generation IS NOT NULL GROUP BY endpoint, webhook_id
  ), fresh AS (
    INSERT INTO hook_ids (endpoint, webhook_id, tenant, body_sha)
    SELECT d.endpoint, d.webhook_id, d.tenant, d.sha FROM delivered d JOIN firsts USING (n)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
    RETURNING endpoint, webhook_id
  ), new AS (
    SELECT d.* FROM delivered d JOIN firsts USING (n) JOIN fresh f ON f.endpoint = d.endpoint AND f.webhook_id = d.webhook_id
  ), stored AS (
    INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, acme_id, version, outcome, parked, done,
      ended_at, bytes, body, key_id)
    SELECT e.id, new.tenant, new.connection, new.generation, 'fetch', e.kind, new.way, e.stream, nullif(e.acme_id, ''), e.version,
      nullif(e.outcome, ''), (e.kind = 'raw')::int, (e.outcome <> '' AND e.kind <> 'raw')::int,
      CASE WHEN e.outcome <> '' OR e.kind = 'raw' THEN now() END, coalesce(length(e.body), 0), e.body, e.key_id
    FROM unnest(delivery_of, ids, kinds, streams, acme_ids, versions, outcomes, bodies, key_ids)
      AS e (delivery, id, kind, stream, acme_id, version, outcome, body, key_id)
    JOIN new ON new.n = e.delivery
  ), seen AS (
    -- At most every ten minutes: the row is shared by all deliveries of the tenant. Nobody waits for it: the next one notes it.
    UPDATE connections c SET hook_seen_at = now() FROM (
      SELECT o.tenant, o.connection FROM connections o
      WHERE (o.tenant, o.connection) IN (SELECT new.tenant, new.connection FROM new)
        AND coalesce(o.hook_seen_at, '-infinity') < now() - interval '10 minutes'
      FOR NO KEY UPDATE SKIP LOCKED
    ) s
    WHERE c.tenant = s.tenant AND c.connection = s.connection
  )
  SELECT d.n, CASE WHEN d.generation IS NULL THEN 'gone' WHEN new.n IS NOT NULL THEN 'new' ELSE 'duplicate' END
  FROM delivered d LEFT JOIN new USING (n);
END $$;
-- +goose StatementEnd

-- Whose hooks an account's messages go to: every tenant that has connected it. A message is only a reason to look, with that
-- tenant's own credentials.
-- +goose StatementBegin
CREATE FUNCTION intake_account(account text) RETURNS TABLE (tenant text, endpoint text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT c.tenant, c.hook_endpoint FROM connections c JOIN tenants t USING (tenant)
  WHERE account <> '' AND c.account_id = account AND t.state NOT IN ('draft', 'deactivated') ORDER BY 1
$$;
-- +goose StatementEnd

GRANT CREATE ON SCHEMA public TO acmesync_definer;
ALTER FUNCTION intake_store(text[], text[], bytea[], int[], uuid[], text[], text[], text[], bigint[], text[], bytea[], text[], text[]) OWNER TO acmesync_definer;
ALTER FUNCTION intake_account OWNER TO acmesync_definer;
REVOKE CREATE ON SCHEMA public FROM acmesync_definer;
REVOKE EXECUTE ON FUNCTION intake_store(text[], text[], bytea[], int[], uuid[], text[], text[], text[], bigint[], text[], bytea[], text[], text[]), intake_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION intake_store(text[], text[], bytea[], int[], uuid[], text[], text[], text[], bigint[], text[], bytea[], text[], text[]), intake_account TO acmesync_intake;
