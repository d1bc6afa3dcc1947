"""Pure functions, without a broker."""
