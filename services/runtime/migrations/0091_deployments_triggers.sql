-- What sources files declare, as the flows of a deployment were checked against it: name, schema and places. Not jsonb,
-- which takes no \u0000 in a text.
alter table deployments add column triggers json;
