-- A delivery that has waited since it was due is found where those that are due are. What is in here is the rest, so
-- that a delivery that just comes and goes is not in one index more.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (sink, coalesce(asked, created))
    WHERE state = 0 AND (behind <> 0 OR due <> coalesce(asked, created));
