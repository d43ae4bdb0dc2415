ALTER TABLE deliveries ADD COLUMN asked INTEGER;          -- when a person last asked for it; ages count from there
ALTER TABLE deliveries ADD COLUMN replayed_from INTEGER;  -- the delivery that it repeats

CREATE INDEX deliveries_dead ON deliveries (seq) WHERE state = 3;
