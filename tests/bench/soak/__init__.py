"""A long load of everything at once, and what it leaves behind."""
