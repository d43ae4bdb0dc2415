ALTER TABLE deliveries ADD COLUMN living TEXT;   -- it changes the notification of this key; NULL: a notification of its own

-- What the platform calls the notification of a key, for the deliveries that change it.
CREATE TABLE living (
    sink    TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    message TEXT    NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (sink, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX living_changed ON living (changed);
