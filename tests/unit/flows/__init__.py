"""The flow language, piece by piece."""
