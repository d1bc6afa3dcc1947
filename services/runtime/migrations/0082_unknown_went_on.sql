-- Whether the flow went on with the error (`on_error: continue`): then a decision is only written down.
alter table unknown_effects add column went_on boolean not null default false;
