-- What waits for somebody else's fault grows no older: so long it had been tried when it was parked. Null: since began_at.
alter table parked add column age double precision;
