"""[actions] → HTTP → [runs]."""
