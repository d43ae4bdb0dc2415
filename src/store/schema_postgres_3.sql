-- The last transaction of each instance that has changed something, by the count of the instance: whoever is cut off in
-- the middle of a commit learns here whether that was done.
CREATE TABLE commits (
    instance TEXT        NOT NULL PRIMARY KEY,
    number   BIGINT      NOT NULL,
    at       TIMESTAMPTZ NOT NULL
);
