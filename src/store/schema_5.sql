ALTER TABLE deliveries ADD COLUMN suppressed_count INTEGER NOT NULL DEFAULT 0;  -- throttled before it, told with it
ALTER TABLE deliveries ADD COLUMN suppressed_since INTEGER;

CREATE TABLE throttles (
    id         INTEGER PRIMARY KEY,
    rule       TEXT    NOT NULL,
    sink       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    passed     INTEGER NOT NULL,   -- how many have passed in all
    suppressed_count INTEGER NOT NULL,   -- suppressed since the last one that passed
    suppressed_since INTEGER,
    forgotten  INTEGER NOT NULL,   -- when nothing of it matters any more
    UNIQUE (rule, sink, key)
) STRICT;

CREATE INDEX throttles_forgotten ON throttles (forgotten);

CREATE TABLE throttle_passes (
    throttle INTEGER NOT NULL,
    number   INTEGER NOT NULL,     -- which of its passes
    at       INTEGER NOT NULL,
    PRIMARY KEY (throttle, number)
) STRICT, WITHOUT ROWID;
