-- No more than the limit in any window of its length, wherever the window begins: a bucket that may hold the whole limit gives it out at
-- once and refills it within the same window, and Acme refuses everybody for seconds then.

-- +goose Up
-- Takes up to want requests from an owner's budget, and none where there are fewer than at least so many: who needs two for a page
-- would lease one again and again. Backfill leaves half of what the bucket holds to live. Answers how many were granted (-1: no limit
-- is known) and how long to wait before asking again.
-- +goose StatementBegin
CREATE FUNCTION budget_lease(owner text, want int, live boolean, atleast int) RETURNS TABLE (granted int, wait_ms int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  b budgets%ROWTYPE;
  burst double precision;
  rate double precision;
  kept double precision;
  usable double precision;
  needed double precision;
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
  IF b.requests < 4 THEN -- too few to be divided
    burst := b.requests;
    rate := b.requests::double precision / b.per_seconds;
  ELSE -- burst + rate × window stays below the limit; what is left over are leased requests that are made a little later
    burst := greatest(b.requests * 0.15, 2);
    rate := (b.requests - burst) * 0.95 / b.per_seconds;
  END IF;
  b.tokens := least(burst, b.tokens + rate * extract(epoch FROM clock_timestamp() - b.refilled_at));
  kept := CASE WHEN live THEN 0 ELSE least(burst / 2, burst - 1) END;
  usable := b.tokens - kept;
  needed := greatest(least(atleast, floor(burst - kept)), 1);
  granted := CASE WHEN usable < needed THEN 0 ELSE least(want, floor(usable)) END::int;
  UPDATE budgets SET tokens = b.tokens - granted, refilled_at = clock_timestamp() WHERE limit_owner = owner;
  wait_ms := CASE WHEN granted > 0 THEN 0 ELSE ceil((needed - usable) / rate * 1000)::int END;
  RETURN NEXT;
END $$;
-- +goose StatementEnd

-- As programs of the version before call it.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION budget_lease(owner text, want int, live boolean) RETURNS TABLE (granted int, wait_ms int)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  RETURN QUERY SELECT l.granted, l.wait_ms FROM budget_lease(owner, want, live, 1) l;
END $$;
-- +goose StatementEnd

GRANT CREATE ON SCHEMA public TO acmesync_definer;
ALTER FUNCTION budget_lease(text, int, boolean, int) OWNER TO acmesync_definer;
REVOKE CREATE ON SCHEMA public FROM acmesync_definer;
REVOKE EXECUTE ON FUNCTION budget_lease(text, int, boolean, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION budget_lease(text, int, boolean, int) TO acmesync_app;
COMMENT ON COLUMN budgets.live_share IS 'not used any more: backfill leaves half of what may be given out at once';
