-- A sign-in of OAuth 2: what the next access token is fetched with. It may change with each use, so it lives here.
alter table oauth_tokens add column refresh_token bytea; -- encrypted as the token is; null: another grant
alter table oauth_tokens add column first_of text;       -- hash of the token in the connections file that it descends from
