-- Who works on a partition of `actions`: each assignment has a number of its own. Who has an older one cannot send.
create sequence delivery_epochs;
create table delivery_places (
    place text primary key,  -- topic on the broker, partition
    epoch bigint not null,
    owner text not null,     -- the worker, for people and for sharing what is limited
    since timestamptz not null default now()
);

-- The journal: what became of each effect. A row is there before its request is sent.
-- `expires_at` is never changed, and no index holds what changes: so an update stays on its page (HOT).
create table effects (
    account    text not null,
    effect_id  text not null,
    state      text not null,        -- claimed, sent, done, failed, unknown
    guarantee  text not null,        -- of the weakest request that was sent
    epoch      bigint not null,      -- of the assignment that holds it
    place      text not null,        -- record of the request: where
    position   bigint not null,      -- and its offset
    attempts   integer not null,
    began_at   timestamptz not null,
    answer     bytea,                -- outputs as JSON
    code       text,
    cause      text,
    maybe      boolean not null default false, -- an attempt that failed may have had its effect
    expires_at timestamptz not null,
    primary key (account, effect_id)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index effects_expiry on effects (expires_at);

-- Effects of which nobody knows whether they happened: for a person to decide.
create table unknown_effects (
    account    text not null,
    effect_id  text not null,
    run_id     text not null,
    event_id   text not null,
    subject    text not null,
    flow       text not null,
    step       text not null,
    action     text not null,
    connection text,
    code       text not null,
    cause      text not null,
    at         timestamptz not null,
    decided    text,                 -- done or resend, once somebody has
    decided_at timestamptz,
    reason     text,
    key        bytea,                -- the record of the request, to go on with
    value      bytea not null,
    headers    bytea not null,       -- JSON: pairs of name and value in base64
    primary key (account, effect_id)
);
create index unknown_effects_at on unknown_effects (at);
