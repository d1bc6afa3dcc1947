"""What tools with state promise, by state in memory."""
