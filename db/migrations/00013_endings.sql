-- Reviews end with their tenant, a partial discard leaves the rest of a review open, and walks count how often they began again.

-- +goose Up
ALTER TABLE parked DROP CONSTRAINT parked_closed_how_check;
ALTER TABLE parked ADD CONSTRAINT parked_closed_how_check CHECK (closed_how IN ('', 'retried', 'discarded', 'newer_version', 'ended'));
ALTER TABLE parked ADD COLUMN discarding boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN parked.discarding IS 'a person has given it up, and what was written of it is being taken back';
COMMENT ON COLUMN parked.closed_how IS 'ended: the tenant was stopped or deactivated; its next activation tries the record again';

ALTER TABLE positions ADD COLUMN restarts integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN positions.restarts IS 'refused cursors since the watermark last moved';
