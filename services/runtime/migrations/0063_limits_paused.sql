-- A destination that says that nothing more may be sent until a moment is left alone by all workers until then.
alter table limits add column paused_until timestamptz;
