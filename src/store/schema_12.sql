-- What the watches over silences have heard, and of which silences somebody was told.
CREATE TABLE watches (
    name  TEXT    NOT NULL PRIMARY KEY,
    heard INTEGER NOT NULL,   -- when the last event arrived that it listens to, or else when it was first seen
    told  INTEGER             -- since when a silence lasts that was told; NULL: none
) STRICT, WITHOUT ROWID;
