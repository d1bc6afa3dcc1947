-- What came first goes first: a record that is done again may be kept after one that came later.
create index held_runs_came on held_runs (place, flow, came_at, number) where expires_at is null;
create index held_runs_subject_came on held_runs (place, flow, account, subject, came_at) where expires_at is null;
