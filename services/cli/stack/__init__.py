"""The whole product on one machine, as `flows dev` and `flows demo` start it."""
