ALTER TABLE deliveries ADD COLUMN key      TEXT;                        -- of those with one key only the first is sent; NULL: never waits for another
ALTER TABLE deliveries ADD COLUMN behind   INTEGER NOT NULL DEFAULT 0;  -- 1: an earlier one of its key has not ended
ALTER TABLE deliveries ADD COLUMN priority INTEGER NOT NULL DEFAULT 3;  -- 1 to 5, 5 first
ALTER TABLE deliveries ADD COLUMN wakes    INTEGER NOT NULL DEFAULT 0;  -- 1: due as soon as its sink answers again

DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (sink, priority, due) WHERE state = 0 AND behind = 0;
CREATE INDEX deliveries_keyed ON deliveries (sink, key, behind, seq) WHERE state <= 1 AND key IS NOT NULL;
CREATE INDEX deliveries_wakes ON deliveries (sink) WHERE state = 0 AND wakes = 1;

-- Of the open deliveries of a sink with one key exactly one is not behind. Triggers keep it so, whoever
-- adds, ends, reopens or removes a delivery.
CREATE TRIGGER deliveries_added AFTER INSERT ON deliveries
WHEN NEW.key IS NOT NULL AND NEW.state <= 1
BEGIN
    UPDATE deliveries SET behind = EXISTS (
        SELECT 1 FROM deliveries o WHERE o.sink = NEW.sink AND o.key = NEW.key AND o.state <= 1 AND o.seq <> NEW.seq)
    WHERE seq = NEW.seq;
END;

CREATE TRIGGER deliveries_reopened AFTER UPDATE OF state ON deliveries
WHEN NEW.key IS NOT NULL AND OLD.state > 1 AND NEW.state <= 1
BEGIN
    UPDATE deliveries SET behind = EXISTS (
        SELECT 1 FROM deliveries o WHERE o.sink = NEW.sink AND o.key = NEW.key AND o.state <= 1 AND o.seq <> NEW.seq)
    WHERE seq = NEW.seq;
END;

CREATE TRIGGER deliveries_ended AFTER UPDATE OF state ON deliveries
WHEN OLD.key IS NOT NULL AND OLD.behind = 0 AND OLD.state <= 1 AND NEW.state > 1
BEGIN
    UPDATE deliveries SET behind = 0 WHERE seq = (
        SELECT min(o.seq) FROM deliveries o WHERE o.sink = OLD.sink AND o.key = OLD.key AND o.behind = 1 AND o.state <= 1);
END;

CREATE TRIGGER deliveries_removed AFTER DELETE ON deliveries
WHEN OLD.key IS NOT NULL AND OLD.behind = 0 AND OLD.state <= 1
BEGIN
    UPDATE deliveries SET behind = 0 WHERE seq = (
        SELECT min(o.seq) FROM deliveries o WHERE o.sink = OLD.sink AND o.key = OLD.key AND o.behind = 1 AND o.state <= 1);
END;
