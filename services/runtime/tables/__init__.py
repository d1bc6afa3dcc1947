"""Tables of PostgreSQL that more than one service reads or writes: a file a table, and nobody else names it."""
