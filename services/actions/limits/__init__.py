"""What a destination bears: requests a second, calls at once, calls a day, and pauses when it is ill."""
