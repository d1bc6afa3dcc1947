"""What people write: YAML with places, faults, where secrets stand, JSON Schema. Only named files are read."""
