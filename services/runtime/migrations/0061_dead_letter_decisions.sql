-- What a person decided about a dead letter. A row is the guard: no letter is redriven twice.
create table dead_letter_decisions (
    letter     text primary key, -- topic/partition/offset on the broker, and its time: offsets begin anew with a topic
    decision   text not null,    -- redriven or dropped
    reason     text not null,
    decided_at timestamptz not null default now(),
    expires_at timestamptz not null default now() + interval '60 days' -- Kafka keeps the letter for 30
);
create index dead_letter_decisions_expiry on dead_letter_decisions (expires_at);
