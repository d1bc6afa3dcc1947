-- How long the oldest request waits, asked for again and again.
create index parked_began on parked (began_at);
