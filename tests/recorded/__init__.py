"""Runs as a release plays them, recorded for the releases after it: tests/data/recorded/README.md tells how."""
