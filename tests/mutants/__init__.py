"""Whether a test fails when a line of ours is changed: `make mutants`."""
