-- So many seconds a lane waits from when it was written: no longer, also where this server's clock is set back meanwhile.
alter table parked add column waits double precision;
