ALTER TABLE sinks ADD COLUMN trouble_since     INTEGER;                     -- since when a trouble lasts that was told; NULL: none
ALTER TABLE sinks ADD COLUMN trouble_reason    TEXT    NOT NULL DEFAULT '';
ALTER TABLE sinks ADD COLUMN trouble_suspended INTEGER NOT NULL DEFAULT 0;  -- 1: it was told as a suspension
