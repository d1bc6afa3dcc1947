"""Tests of services/dead_letters."""
