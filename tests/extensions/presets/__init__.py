"""A made-up platform's preset, as CONTRIBUTING.md tells to add one."""
