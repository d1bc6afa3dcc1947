"""The isolation bench: what somebody else's trouble costs a healthy contact, on the real stack. Never a test."""
