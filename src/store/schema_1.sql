CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    source     TEXT    NOT NULL,
    id         TEXT,
    kind       TEXT    NOT NULL,
    time       INTEGER,
    received   INTEGER NOT NULL,
    backfilled INTEGER NOT NULL,
    identity   BLOB,
    data_start INTEGER,            -- NULL: no data; -1: the payload is text
    data_end   INTEGER,
    payload    BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_identity ON events (source, identity) WHERE identity IS NOT NULL;
CREATE INDEX events_received ON events (received);

CREATE TABLE deliveries (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    event    INTEGER NOT NULL REFERENCES events (seq),
    sink     TEXT    NOT NULL,
    rule     TEXT    NOT NULL,
    state    INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    step     INTEGER NOT NULL DEFAULT 0,
    plain    INTEGER NOT NULL DEFAULT 0,
    created  INTEGER NOT NULL,
    due      INTEGER NOT NULL,     -- while in flight: when it was claimed
    ended    INTEGER,
    reason   TEXT
) STRICT;

CREATE INDEX deliveries_due ON deliveries (sink, due) WHERE state = 0;
CREATE INDEX deliveries_in_flight ON deliveries (seq) WHERE state = 1;
CREATE INDEX deliveries_event ON deliveries (event);

CREATE TABLE attempts (
    delivery    INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcome     INTEGER NOT NULL,
    status      INTEGER,
    reason      TEXT,
    answer      TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE sources (
    name      TEXT    NOT NULL PRIMARY KEY,
    cursor    TEXT,                -- NULL and cleared = 0: never had one
    cleared   INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    high_id   TEXT,                -- unsigned 64-bit, which SQLite's integers are not
    high_time INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sinks (
    name       TEXT NOT NULL PRIMARY KEY,
    rest_until INTEGER
) STRICT, WITHOUT ROWID;
