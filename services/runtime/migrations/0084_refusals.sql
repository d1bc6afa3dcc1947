-- How often bodies of a source were refused for one cause: letters of it that are one, and those over the bound too.
create table refusals (
    letter_group text primary key,
    account      text not null,
    source       text not null,
    code         text not null,
    cause        text not null,
    first_at     timestamptz not null,
    last_at      timestamptz not null,
    count        bigint not null
);
create index refusals_age on refusals (last_at);
