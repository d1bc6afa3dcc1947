-- Access tokens of OAuth 2, so that all workers use one and only one of them fetches the next.
create table oauth_tokens (
    client     text primary key, -- hash of token URL, client id, scope and audience
    token      bytea,            -- encrypted with a key made of the client's secret; null: none yet
    expires_at timestamptz not null default now()
);
