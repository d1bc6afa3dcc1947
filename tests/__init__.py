"""Tests by what they need: nothing (unit, contract, property), real servers (integration), all of it (e2e, chaos)."""
