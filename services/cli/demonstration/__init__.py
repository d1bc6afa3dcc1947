"""`flows demo`: a stack of its own, 200 real events, and an account of what came of each."""
