"""What crosses a process boundary: messages, errors, topic names. Imports nothing of ours."""
