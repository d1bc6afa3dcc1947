-- State that must be exact: what deduplication, round robin, counters, storage, throttles and digests hold, by key.
create table state_cells (
    id         uuid primary key, -- hash of account, kind and name: names may be longer than an index row can be
    account    text not null,
    kind       text not null,
    name       text not null,    -- for people; may be cut
    state      json not null,
    expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index state_cells_expiry on state_cells (expires_at);
create index state_rotations on state_cells (account, name) where kind = 'rotation';

-- What each run's step was answered: a replay gets the same answer.
create table state_answers (
    asker      uuid primary key, -- hash of run, step and ordinal
    answer     json not null,
    expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index state_answers_expiry on state_answers (expires_at);

-- Runs that ended as dead, with the calls that they had done: their claims that came to nothing are free.
create table dead_runs (
    run_id     text primary key,
    done       integer not null, -- -1: it lives again
    died_at    timestamptz not null,
    expires_at timestamptz not null
);
create index dead_runs_expiry on dead_runs (expires_at);
