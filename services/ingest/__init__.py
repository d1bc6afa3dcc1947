"""HTTP → [events]."""
