"""Two-way sync that does not loop: our own writes are remembered before they are made, and their echoes recognised."""
