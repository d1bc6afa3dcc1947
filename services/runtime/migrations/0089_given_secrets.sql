-- Secrets that senders of hooks gave in their handshakes, such as Asana's X-Hook-Secret.
create table given_secrets (
    source   text not null,
    digest   text not null,      -- of the secret: one that is given twice is one
    sealed   bytea not null,     -- encrypted with a key made of the source's `secret`
    given_at timestamptz not null default now(),
    primary key (source, digest)
);
