-- Waits of runs. A row is the run as it goes on; it is deleted when Kafka has acknowledged that.
create table timers (
    id          uuid primary key,     -- hash of run and step: a step that is done again sets nothing new
    account     text not null,
    run_id      text not null,
    flow        text not null,
    step        text not null,
    subject     text not null,        -- the run's key, for people; may be cut
    due         timestamptz not null,
    set_at      timestamptz not null default now(),
    began       timestamptz not null, -- when the event of the run came: only a later one ends the wait
    origin      uuid not null,        -- hash of that event: it does not end the wait that it began
    cancel      uuid,                 -- hash of account, trigger and key of the event that ends the wait
    key         bytea not null,       -- of the record on `runs`
    run         bytea not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
create index timers_due on timers (due, id);
create index timers_cancel on timers (cancel) where cancel is not null;
create index timers_run on timers (run_id);
create index timers_flow on timers (flow, due);
