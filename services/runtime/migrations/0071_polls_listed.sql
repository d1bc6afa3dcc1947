-- What a poll listed last of each subject, where its items have no id: it is new when it was gone in between.
alter table polls add column listed jsonb not null default '{}';
