"""The flow language: pure, no I/O. load → check → compile → advance."""
