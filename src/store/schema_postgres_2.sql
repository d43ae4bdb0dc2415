-- The moves of the queue between its homes that this one has seen. It is closed from when one begins until that is
-- taken back, or the queue has come here.
CREATE TABLE moves (
    id    TEXT   NOT NULL PRIMARY KEY,
    state TEXT   NOT NULL,   -- arriving, arrived, leaving or left
    other TEXT   NOT NULL,   -- the other home
    at    BIGINT NOT NULL
);
