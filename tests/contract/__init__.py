"""Contracts: wire formats, errors of HTTP, drift and breaking changes."""
