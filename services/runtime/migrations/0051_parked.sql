-- Requests that wait long for another attempt, and those behind them: a lane keeps its order, also across restarts.
create table parked (
    place    text not null,         -- topic on the broker, partition: who works on it works on these
    lane     text not null,         -- hash of account, subject and connection
    position bigint not null,       -- offset of the record: the order in the lane
    due_at   timestamptz not null,  -- counts for the first row of a lane
    attempts integer not null,
    began_at timestamptz not null,
    key      bytea,
    value    bytea not null,
    headers  bytea not null,        -- JSON: pairs of name and value in base64
    primary key (place, lane, position)
) with (autovacuum_vacuum_scale_factor = 0.02);
