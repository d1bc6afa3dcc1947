-- Deduplication. A claim stores who made it, so that the claimer's own replay passes.
create table claims (
    account    text not null,
    scope      text not null,
    key        text not null,
    claimed_by text not null,
    expires_at timestamptz not null,
    primary key (account, scope, key)
);
create index claims_expiry on claims (expires_at);
