-- From when on a request that waits is not to be made any more; null: it has time. Rows of before have none.
alter table parked add column deadline timestamptz;
create index parked_deadline on parked (place, deadline) where deadline is not null;
