-- What our calls make, such as a lead: recognised when its system tells of it. A row of its own beside that of what the
-- call sets; `fields` is empty.
alter table echoes add column if not exists makes text; -- the trigger that tells of it
alter table echoes add column if not exists led text not null default ''; -- the flows whose runs led to the call
alter table echoes add column if not exists email uuid; -- alias of its e-mail
alter table echoes add column if not exists told uuid; -- hash of the event that was taken for its own, without its id
alter table echoes add column if not exists seconds float8; -- so long an event without its id can be its own
-- The flows that an event did not start: a replay of the event decides as the first time.
alter table sync_ledger add column if not exists led text not null default '';
