-- What waits for an ill connection, read again in the order of its records. Empty: it waits with its lane.
alter table parked add column connection text not null default '';
create index parked_connection on parked (place, connection, position) where connection <> '';
create index parked_lanes on parked (place, lane, position) where connection = '';
