-- What a destination bears, over all workers together. Both tables hold a row a connection.
create table limits (
    connection text primary key,
    next_at    timestamptz not null, -- the next moment that no worker has leased
    day        date not null default current_date,
    used       bigint not null default 0 -- calls leased on that day (UTC)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Open breakers. No row: closed.
create table breakers (
    connection text primary key,
    open_until timestamptz not null, -- then one worker may try one call
    opened     integer not null default 1, -- how often in a row: each time it stays open longer
    cause      text not null
);
