"""Tools as a stranger would add them: one file each, in services/tools/catalog/."""
