-- What ingest keeps: how events ended, permits a second, when schedules fired, how far polls have come.

-- The topic `history`, for questions by event. A row is written again by a record that comes twice.
create table event_ends (
    run_id    text primary key,
    event_id  text not null,
    source    text not null,
    account   text not null,
    outcome   text not null,
    ended_at  timestamptz not null,
    accepted  timestamptz,
    flow      text,
    step      text,
    reason    text,
    code      text
) with (autovacuum_vacuum_scale_factor = 0.05);
create index event_ends_event on event_ends (event_id);
create index event_ends_age on event_ends (ended_at);

create table ingest_permits (
    source text primary key,
    second bigint not null,
    taken  bigint not null
);

create table schedules (
    name     text primary key,
    last_due timestamptz not null
);

create table polls (
    name      text primary key,
    cursor    text,
    asked_at  timestamptz not null
);
