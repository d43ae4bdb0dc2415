-- `wakes` says more: 2, due as soon as its sink accepts another one; 3, due because its sink did.
CREATE INDEX deliveries_refused ON deliveries (sink) WHERE state = 0 AND wakes = 2;
