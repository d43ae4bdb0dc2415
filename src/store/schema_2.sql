ALTER TABLE events ADD COLUMN about BLOB;  -- what is known of it beside its payload, as JSON

CREATE TABLE picture (
    source TEXT NOT NULL,
    key    TEXT NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
