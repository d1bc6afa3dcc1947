"""From a record to its end: lanes keep order, an attempt has few outcomes, a prefix says what may be committed."""
