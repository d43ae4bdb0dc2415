ALTER TABLE deliveries ADD COLUMN bundle       INTEGER;  -- the delivery whose message tells its event, for that one its own number; NULL: alone
ALTER TABLE deliveries ADD COLUMN fallback     TEXT;     -- the sink that steps in
ALTER TABLE deliveries ADD COLUMN fallback_key TEXT;     -- the key of the delivery that it then gets
ALTER TABLE deliveries ADD COLUMN steps_in     INTEGER;  -- when it does; NULL: never, or no more
ALTER TABLE deliveries ADD COLUMN instead_of   INTEGER;  -- the delivery that it steps in for
ALTER TABLE deliveries ADD COLUMN instead      TEXT;     -- why

-- Since when a delivery waits for its receiver: the message of a bundle does from when it closes.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (sink, coalesce(asked, created)) WHERE state = 0;

CREATE INDEX deliveries_bundle ON deliveries (bundle, seq) WHERE bundle IS NOT NULL;
CREATE INDEX deliveries_instead_of ON deliveries (instead_of) WHERE instead_of IS NOT NULL;
CREATE INDEX deliveries_steps_in ON deliveries (steps_in) WHERE steps_in IS NOT NULL;

-- The bundles that still take events, and the delivery whose message they will be in.
CREATE TABLE bundles (
    rule     TEXT    NOT NULL,
    sink     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    delivery INTEGER NOT NULL,
    closes   INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    PRIMARY KEY (rule, sink, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX bundles_delivery ON bundles (delivery);

-- Once its delivery does not just wait any more, a bundle takes nothing: every attempt tells the same. What
-- is merged has ended when nobody has its message any more to send. One trigger, since each costs every
-- delivery a little.
CREATE TRIGGER bundles_moved AFTER UPDATE OF state ON deliveries
WHEN OLD.bundle IS NOT NULL
BEGIN
    DELETE FROM bundles WHERE delivery = OLD.seq AND NEW.state <> 0;
    UPDATE deliveries SET ended = NEW.ended
        WHERE bundle = OLD.bundle AND state = 6 AND OLD.state <= 1 AND NEW.state > 1
        AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.bundle = OLD.bundle AND o.state <= 1);
    UPDATE deliveries SET ended = NULL
        WHERE bundle = OLD.bundle AND state = 6 AND OLD.state > 1 AND NEW.state <= 1;
END;
