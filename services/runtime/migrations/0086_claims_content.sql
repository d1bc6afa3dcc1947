-- A hash of what came under the key first: for an event, of its data. Empty: not known, as in rows of before.
alter table claims add column content text not null default '';
