-- Two-way sync. What our calls set, before they are made: a change with the same values is their echo.
create table echoes (
    id         uuid primary key,      -- hash of the effect
    account    text not null,
    system     text not null,
    flow       text not null,
    run_id     text not null,
    effect_id  text not null,
    fields     json not null,         -- field → hashes of its value, and the event that was its echo
    hops       integer not null,      -- writes of ours since the first change
    at         timestamptz not null default now(),
    expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index echoes_expiry on echoes (expires_at);

-- What the entity is known by: id, e-mail, phone.
create table echo_aliases (
    alias      uuid not null,
    echo       uuid not null,
    expires_at timestamptz not null,
    primary key (alias, echo)
) with (autovacuum_vacuum_scale_factor = 0.02);
create index echo_aliases_expiry on echo_aliases (expires_at);

-- What became of each change that came in: for the rate, and for people.
create table sync_ledger (
    alias      uuid not null,
    origin     uuid not null,         -- hash of the event
    event_id   text not null,
    type       text not null,
    entity     text not null,
    decision   text not null,         -- passed, mixed, suppressed, held
    why        text not null,
    hops       integer not null,
    at         timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (alias, origin)
) with (autovacuum_vacuum_scale_factor = 0.02);
create index sync_ledger_at on sync_ledger (alias, at);
create index sync_ledger_expiry on sync_ledger (expires_at);
