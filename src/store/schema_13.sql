-- The random part of the ids of deliveries, for each time the file was opened that one came in.
CREATE TABLE tags (
    first INTEGER NOT NULL PRIMARY KEY,  -- the first delivery that has it; those before the next one have it, too
    tag   TEXT    NOT NULL
) STRICT;

INSERT INTO tags SELECT 1, value FROM meta WHERE key = 'tag';
DELETE FROM meta WHERE key = 'tag';
