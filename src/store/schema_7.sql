ALTER TABLE sinks ADD COLUMN deaths    INTEGER NOT NULL DEFAULT 0;  -- deliveries that died by themselves, in all
ALTER TABLE sinks ADD COLUMN told      INTEGER NOT NULL DEFAULT 0;  -- so many of these have been told
ALTER TABLE sinks ADD COLUMN told_at   INTEGER;                     -- when some were last told
ALTER TABLE sinks ADD COLUMN last_dead INTEGER;                     -- the delivery that died last
