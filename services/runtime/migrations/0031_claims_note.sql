-- What the first claimer knew: for an event, the deployment whose flows it began, so that its replay begins the same.
alter table claims add column note text not null default '';
