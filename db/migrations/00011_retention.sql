-- What the inbox forgets: bodies some days after they are done, whole days once all in them has ended, webhook ids.

-- +goose Up
CREATE TABLE chores (
  name    text PRIMARY KEY,
  done_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chores IS 'what retention has seen to, so that it does not look at the same rows every minute';

-- What a day's envelopes had counted goes where the balance finds it when they are gone.
-- +goose StatementBegin
CREATE FUNCTION fold_day(folded date) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  INSERT INTO arrival_totals AS a (tenant, stream, received, done, duplicate, superseded, parked)
  SELECT tenant, stream, sum(records), sum(done), sum(duplicate), sum(superseded), sum(parked)
  FROM envelopes WHERE day = folded GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (tenant, stream) DO UPDATE SET received = a.received + excluded.received, done = a.done + excluded.done,
    duplicate = a.duplicate + excluded.duplicate, superseded = a.superseded + excluded.superseded, parked = a.parked + excluded.parked
$$;
-- +goose StatementEnd
GRANT CREATE ON SCHEMA public TO acmesync_definer;
ALTER FUNCTION fold_day OWNER TO acmesync_definer;
REVOKE CREATE ON SCHEMA public FROM acmesync_definer;
REVOKE EXECUTE ON FUNCTION fold_day FROM PUBLIC;
-- +goose StatementBegin
DO $$ BEGIN EXECUTE format('GRANT EXECUTE ON FUNCTION fold_day TO %I', current_user); END $$;
-- +goose StatementEnd

-- Runs as the owner, who alone may drop tables. It works on the partitions themselves, a batch of rows at a time, and says
-- whether there is more. A day with an open envelope is kept as it is, however old. Whoever drops a table waits for those who
-- read it and makes others wait behind: it gives up soon, and the next sweep tries again.
-- +goose StatementBegin
CREATE FUNCTION tidy(body_days int, keep_days int, hook_days int, batch int, OUT bodies int, OUT days int, OUT hooks int, OUT more boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '1s' AS $$
DECLARE
  today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
  part text;
  d date;
  n int;
  waits boolean;
BEGIN
  bodies := 0; days := 0; hooks := 0; more := false;
  IF EXISTS (SELECT 1 FROM chores WHERE name = 'tidy' AND done_at > now() - interval '1 hour') THEN
    RETURN;
  END IF;
  FOR part, d IN
    SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.envelopes'::regclass AND c.relname ~ '^envelopes_\d{8}$' ORDER BY 1
  LOOP
    EXIT WHEN d > today - body_days OR more;
    IF d <= today - keep_days THEN
      EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE ended_at IS NULL)', part) INTO waits;
      CONTINUE WHEN waits;
      BEGIN
        PERFORM fold_day(d);
        EXECUTE format('DROP TABLE public.%I', part);
        EXECUTE format('DROP TABLE IF EXISTS public.%I', 'arrivals' || right(part, 9));
        DELETE FROM chores WHERE name = part;
        days := days + 1;
      EXCEPTION WHEN lock_not_available THEN
        NULL; -- nothing of it has happened
      END;
      CONTINUE;
    END IF;
    CONTINUE WHEN EXISTS (SELECT 1 FROM chores WHERE name = part);
    EXECUTE format('UPDATE public.%I SET body = NULL, bytes = 0 WHERE (id, day) IN (SELECT id, day FROM public.%I
      WHERE body IS NOT NULL AND ended_at < now() - $1 * interval ''1 day'' LIMIT $2)', part, part) USING body_days, batch;
    GET DIAGNOSTICS n = ROW_COUNT;
    bodies := bodies + n;
    more := n = batch;
    IF NOT more THEN
      EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE body IS NOT NULL)', part) INTO waits;
      IF NOT waits THEN
        INSERT INTO chores (name) VALUES (part) ON CONFLICT DO NOTHING;
      END IF;
    END IF;
  END LOOP;
  -- Rows that came before their day had a partition.
  UPDATE envelopes_rest SET body = NULL, bytes = 0 WHERE (id, day) IN (SELECT e.id, e.day FROM envelopes_rest e
    WHERE e.body IS NOT NULL AND e.ended_at < now() - body_days * interval '1 day' LIMIT batch);
  GET DIAGNOSTICS n = ROW_COUNT;
  bodies := bodies + n;
  more := more OR n = batch;
  hooks := forget_hooks(hook_days, batch);
  more := more OR hooks = batch;
  IF NOT more THEN
    INSERT INTO chores (name) VALUES ('tidy') ON CONFLICT (name) DO UPDATE SET done_at = now();
  END IF;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION forget_hooks(hook_days int, batch int) RETURNS int
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  WITH gone AS (
    DELETE FROM hook_ids WHERE (endpoint, webhook_id) IN (
      SELECT h.endpoint, h.webhook_id FROM hook_ids h WHERE h.received_at < now() - hook_days * interval '1 day' LIMIT batch)
    RETURNING 1
  ) SELECT count(*)::int FROM gone
$$;
-- +goose StatementEnd
GRANT CREATE ON SCHEMA public TO acmesync_definer;
ALTER FUNCTION forget_hooks OWNER TO acmesync_definer;
REVOKE CREATE ON SCHEMA public FROM acmesync_definer;
REVOKE EXECUTE ON FUNCTION forget_hooks, tidy FROM PUBLIC;
-- +goose StatementBegin
DO $$ BEGIN EXECUTE format('GRANT EXECUTE ON FUNCTION forget_hooks TO %I', current_user); END $$;
-- +goose StatementEnd
GRANT EXECUTE ON FUNCTION tidy TO acmesync_fleet;
