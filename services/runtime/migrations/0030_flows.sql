-- Flows that were deployed. Nothing here is ever changed: a version is its content, a deployment says which are current.
create table flow_versions (
    name       text not null,
    version    text not null,        -- hash of what the flow says
    source     text not null,        -- the text of the file that holds it
    matching   boolean not null,     -- its waits read keys of events, so it is loaded as long as they may wait
    created_at timestamptz not null default now(),
    primary key (name, version)
);
create table deployments (
    number     bigint primary key,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    note       text not null default '',
    flows      jsonb not null        -- name: version, of the whole set
);
