"""Lanes that wait in PostgreSQL instead of in memory: long retries, and what stands behind them."""
