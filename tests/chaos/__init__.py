"""SIGKILL, and counting."""
