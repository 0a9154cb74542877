-- Who may see and do what. The program's own login sees one tenant at a time: the one its
-- transaction names (SET LOCAL acmesync.tenant), and nothing when it names none.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenants', 'connections', 'tenant_keys', 'secrets', 'commands', 'audit', 'cleanups', 'lanes',
      'envelopes', 'arrivals', 'arrival_totals', 'positions', 'known', 'ledger', 'people', 'links', 'facts', 'cells',
      'holds', 'reviews', 'parked', 'hook_ids'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO acmesync_app USING (tenant = current_setting(''acmesync.tenant'', true))'
      || ' WITH CHECK (tenant = current_setting(''acmesync.tenant'', true))', t);
    EXECUTE format('CREATE POLICY definer ON %I TO acmesync_definer USING (true) WITH CHECK (true)', t);
    IF t NOT IN ('audit', 'commands', 'hook_ids') THEN
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO acmesync_app', t);
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd
-- What was decided and by whom is written once.
GRANT SELECT, INSERT ON audit, commands TO acmesync_app;

CREATE POLICY fleet ON tenants FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON connections FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON lanes FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON holds FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON reviews FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON parked FOR SELECT TO acmesync_fleet USING (true);
CREATE POLICY fleet ON cleanups FOR SELECT TO acmesync_fleet USING (true);
GRANT SELECT ON tenants, lanes, holds, reviews, cleanups TO acmesync_fleet;
GRANT SELECT (tenant, connection, hook_endpoint, subscription_id, subscription_due) ON connections TO acmesync_fleet;
GRANT SELECT (tenant, connection, stream, acme_id, fingerprint, code, field, message, version, tries, parked_at,
  closed_at, closed_how) ON parked TO acmesync_fleet;

GRANT SELECT ON tenants, connections, holds TO acmesync_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON envelopes, hook_ids, lanes, budgets TO acmesync_definer;
GRANT SELECT, INSERT, UPDATE ON arrival_totals TO acmesync_definer;
GRANT UPDATE (hook_seen_at) ON connections TO acmesync_definer;
GRANT UPDATE (cell) ON tenants TO acmesync_definer; -- to lock a row takes the right to change something of it; nothing is changed

-- Deliveries of several tenants in one statement. Arrays of equal length; an event belongs to the delivery with the number
-- delivery_of says (from 1). Answers one status per delivery: new, duplicate, or gone (nobody is behind that endpoint).
-- The tenants' rows are shared until the commit: a command that ends what waits comes before or after, never between.
-- +goose StatementBegin
CREATE FUNCTION intake_store(
  endpoints text[], webhook_ids text[], body_shas bytea[],
  delivery_of int[], ids uuid[], kinds text[], streams text[], acme_ids text[], versions bigint[],
  outcomes text[], bodies bytea[], key_ids text[]
) RETURNS TABLE (delivery int, status text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH alive AS MATERIALIZED (
    SELECT t.tenant, t.generation FROM tenants t
    WHERE t.state NOT IN ('draft', 'deactivated') AND t.tenant IN (SELECT c.tenant FROM connections c WHERE c.hook_endpoint = ANY (endpoints))
    ORDER BY t.tenant FOR SHARE
  ), delivered AS (
    SELECT d.n::int AS n, d.endpoint, d.webhook_id, d.sha, c.tenant, c.connection, t.generation
    FROM unnest(endpoints, webhook_ids, body_shas) WITH ORDINALITY AS d (endpoint, webhook_id, sha, n)
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
    SELECT e.id, new.tenant, new.connection, new.generation, 'fetch', e.kind, 'hook', e.stream, nullif(e.acme_id, ''), e.version,
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

-- Flips the marks of tenants that have just been given work, and says which were flipped: whoever flipped one rings.
-- A mark older than 30 s without a live attempt was lost on the way and is flipped again.
-- +goose StatementBegin
CREATE FUNCTION intake_mark(marked text[], marked_lanes text[]) RETURNS TABLE (tenant text, lane text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY UPDATE lanes l SET marked_at = now()
  FROM (
    SELECT l.tenant, l.lane, l.shard FROM lanes l JOIN tenants t USING (tenant)
    WHERE l.tenant = ANY (marked) AND l.lane = ANY (marked_lanes) AND t.state IN ('starting', 'active')
      AND (l.marked_at IS NULL OR (l.marked_at < now() - interval '30 seconds'
        AND coalesce(l.alive_at, '-infinity') < now() - interval '30 seconds'))
    ORDER BY l.tenant, l.lane, l.shard FOR UPDATE OF l
  ) m
  WHERE l.tenant = m.tenant AND l.lane = m.lane AND l.shard = m.shard
  RETURNING l.tenant, l.lane;
END $$;
-- +goose StatementEnd

-- Who is behind a hook's endpoint; the secret itself is read as the tenant.
-- +goose StatementBegin
CREATE FUNCTION intake_endpoint(endpoint text) RETURNS TABLE (tenant text, connection text, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT c.tenant, c.connection, t.state FROM connections c JOIN tenants t USING (tenant) WHERE c.hook_endpoint = endpoint
$$;
-- +goose StatementEnd

-- Which of these lanes have something due: one look for all lanes of a worker that linger. Work older than two days is
-- found by an attempt's own claim, not by lingering. A lane whose dependency is held has nothing it could do: hints wait for
-- either side, pages for the app.
-- +goose StatementBegin
CREATE FUNCTION lanes_with_work(looking text[], looking_lanes text[]) RETURNS TABLE (tenant text, lane text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT l.tenant, l.lane FROM unnest(looking, looking_lanes) AS l (tenant, lane)
  WHERE EXISTS (SELECT 1 FROM envelopes e WHERE e.tenant = l.tenant AND e.lane = l.lane AND e.ended_at IS NULL
    AND e.due_at <= now() AND e.day BETWEEN (now() AT TIME ZONE 'UTC')::date - 1 AND (now() AT TIME ZONE 'UTC')::date + 1)
  AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.tenant = l.tenant AND h.next_at > now()
    AND CASE l.lane WHEN 'deliver' THEN h.dependency = 'app' AND h.stream = '' ELSE h.dependency = 'app' OR h.stream = '' END);
END $$;
-- +goose StatementEnd

-- Takes up to want requests from an owner's budget. Backfill leaves the live share alone. Answers how many were granted
-- (-1: no limit is known) and how long to wait before asking again.
-- +goose StatementBegin
CREATE FUNCTION budget_lease(owner text, want int, live boolean) RETURNS TABLE (granted int, wait_ms int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  b budgets%ROWTYPE;
  rate double precision;
  usable double precision;
BEGIN
  SELECT * INTO b FROM budgets WHERE limit_owner = owner FOR UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT -1, 0; RETURN;
  END IF;
  IF b.blocked_until > clock_timestamp() THEN
    RETURN QUERY SELECT 0, ceil(extract(epoch FROM b.blocked_until - clock_timestamp()) * 1000)::int; RETURN;
  END IF;
  IF b.requests = 0 THEN
    RETURN QUERY SELECT -1, 0; RETURN;
  END IF;
  rate := b.requests::double precision / b.per_seconds;
  b.tokens := least(b.requests, b.tokens + rate * extract(epoch FROM clock_timestamp() - b.refilled_at));
  usable := b.tokens - CASE WHEN live THEN 0 ELSE least(b.requests * b.live_share, b.requests - 1) END;
  granted := least(want, floor(greatest(usable, 0)))::int;
  UPDATE budgets SET tokens = b.tokens - granted, refilled_at = clock_timestamp() WHERE limit_owner = owner;
  wait_ms := CASE WHEN granted > 0 THEN 0 ELSE ceil((1 - usable) / rate * 1000)::int END;
  RETURN NEXT;
END $$;
-- +goose StatementEnd

-- Learns an owner's limit from what Acme answers (requests 0: leave as it is), and until when it refuses everybody.
-- +goose StatementBegin
CREATE FUNCTION budget_learn(owner text, limit_requests int, limit_seconds int, refused_ms int) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  INSERT INTO budgets AS b (limit_owner, requests, per_seconds, tokens, blocked_until)
  VALUES (owner, limit_requests, limit_seconds, limit_requests,
    CASE WHEN refused_ms > 0 THEN clock_timestamp() + refused_ms * interval '1 millisecond' END)
  ON CONFLICT (limit_owner) DO UPDATE SET
    requests = CASE WHEN excluded.requests > 0 THEN excluded.requests ELSE b.requests END,
    per_seconds = CASE WHEN excluded.requests > 0 THEN excluded.per_seconds ELSE b.per_seconds END,
    blocked_until = greatest(b.blocked_until, excluded.blocked_until)
$$;
-- +goose StatementEnd

GRANT CREATE ON SCHEMA public TO acmesync_definer;
ALTER FUNCTION intake_store OWNER TO acmesync_definer;
ALTER FUNCTION intake_mark OWNER TO acmesync_definer;
ALTER FUNCTION intake_endpoint OWNER TO acmesync_definer;
ALTER FUNCTION lanes_with_work OWNER TO acmesync_definer;
ALTER FUNCTION budget_lease OWNER TO acmesync_definer;
ALTER FUNCTION budget_learn OWNER TO acmesync_definer;
REVOKE CREATE ON SCHEMA public FROM acmesync_definer;

CREATE TABLE envelopes_rest PARTITION OF envelopes DEFAULT;
CREATE TABLE arrivals_rest PARTITION OF arrivals DEFAULT;

-- Days ahead get their partitions before they come. Runs as the owner, who alone may make tables. A table is made first and
-- attached then: that waits for whoever reads the rest, and lets hooks be stored meanwhile. It gives up soon, as lanes would
-- wait behind it: the next sweep tries again, days before the partition is needed. A day whose rows came first keeps them in
-- the rest.
-- +goose StatementBegin
CREATE FUNCTION make_partitions(ahead int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '1s' AS $$
DECLARE
  d date;
  t text;
  part text;
  taken boolean;
  made int := 0;
BEGIN
  FOR i IN -1..least(ahead, 30) LOOP
    d := (now() AT TIME ZONE 'UTC')::date + i;
    FOREACH t IN ARRAY ARRAY['envelopes', 'arrivals'] LOOP
      part := t || to_char(d, '_YYYYMMDD');
      CONTINUE WHEN to_regclass(format('public.%I', part)) IS NOT NULL;
      EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE day = %L)', t || '_rest', d) INTO taken;
      CONTINUE WHEN taken;
      BEGIN
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', part, t);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', t, part, d, d + 1);
        made := made + 1;
      EXCEPTION WHEN lock_not_available OR check_violation OR duplicate_table THEN
        NULL; -- not now; or rows came, or somebody else made it, at this moment
      END;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
-- +goose StatementEnd
SELECT make_partitions(7);

REVOKE EXECUTE ON FUNCTION intake_store, intake_mark, intake_endpoint, lanes_with_work, budget_lease, budget_learn, make_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION intake_store, intake_mark, intake_endpoint TO acmesync_intake;
GRANT EXECUTE ON FUNCTION intake_mark, lanes_with_work, budget_lease, budget_learn TO acmesync_app;
GRANT EXECUTE ON FUNCTION make_partitions TO acmesync_fleet;

-- The program asks which version the schema has without being able to touch the list of versions.
-- +goose StatementBegin
CREATE FUNCTION schema_version() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT max(version_id) FROM goose_db_version WHERE is_applied
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION schema_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION schema_version TO acmesync_app;
