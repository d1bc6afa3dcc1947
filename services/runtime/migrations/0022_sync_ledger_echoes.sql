-- Which fields of a change were our own: a replay of the event decides as the first time.
alter table sync_ledger add column if not exists echoes json not null default '[]';
