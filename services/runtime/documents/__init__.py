"""What people write: where secrets stand, JSON Schema. It reads the files that are named, and nothing else."""
