"""What commands share about a folder of flows."""
