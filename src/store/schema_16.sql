-- What is old is found by the numbers of the events, since they arrive in their order.
DROP INDEX events_received;
