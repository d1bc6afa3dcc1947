-- The record that ends a wait brings the event that did, where the flow reads it.
alter table timers add column keeps_event boolean not null default false;
-- Several events may end a wait: those beside `timers.cancel`. A table of its own: an index of millions of waits is not built in passing.
create table timer_cancels (
    timer   uuid not null,     -- its id in `timers`; who deletes that row deletes these
    place   integer not null,  -- in the flow's order, from 1; 0 is `timers.cancel`
    cancel  uuid not null,     -- as there
    primary key (timer, place)
);
create index timer_cancels_cancel on timer_cancels (cancel);
