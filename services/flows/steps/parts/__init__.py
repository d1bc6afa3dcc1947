"""Maps of keys that stand in steps, a file each: how they are written, read and compiled."""
