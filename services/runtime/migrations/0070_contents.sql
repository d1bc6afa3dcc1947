-- Events without an id of their own, by subject in the order of Kafka: whose content is the latest, and since when.
create table contents (
    account    text not null,
    subject    text not null,
    place      text not null,
    position   bigint not null,
    content    text not null,
    keys       text not null,
    since      timestamptz not null,
    note       text not null,
    expires_at timestamptz not null,
    primary key (account, subject, place, position)
);
create index contents_expiry on contents (expires_at);
