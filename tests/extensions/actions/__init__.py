"""Actions as a stranger would add them: one file each, in services/actions/catalog/."""
