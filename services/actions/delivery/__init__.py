"""Lanes, prefix commits, retries."""
