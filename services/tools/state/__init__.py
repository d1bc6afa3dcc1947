"""State in PostgreSQL: what tools with state need, answered for a batch in one transaction; and its expiry."""
