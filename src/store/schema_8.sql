-- How many deliveries of a sink are in a state: whoever wants to know must not have to go through a
-- million of them. Triggers keep the counts, in the transaction that adds, changes or removes a delivery.
CREATE TABLE depths (
    sink  ANY     NOT NULL,        -- as it stands with the delivery, whatever stands there
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (sink, state)
) STRICT, WITHOUT ROWID;

-- One by one, since GROUP BY would first sort every row in memory.
INSERT INTO depths SELECT sink, state, 1 FROM deliveries WHERE true
    ON CONFLICT DO UPDATE SET count = count + 1;

CREATE INDEX deliveries_waiting ON deliveries (sink, created) WHERE state = 0;

CREATE TRIGGER depths_added AFTER INSERT ON deliveries
BEGIN
    INSERT INTO depths VALUES (NEW.sink, NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER depths_moved AFTER UPDATE OF state, sink ON deliveries
WHEN OLD.state IS NOT NEW.state OR OLD.sink IS NOT NEW.sink
BEGIN
    UPDATE depths SET count = count - 1 WHERE sink = OLD.sink AND state = OLD.state;
    INSERT INTO depths VALUES (NEW.sink, NEW.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER depths_removed AFTER DELETE ON deliveries
BEGIN
    UPDATE depths SET count = count - 1 WHERE sink = OLD.sink AND state = OLD.state;
END;
