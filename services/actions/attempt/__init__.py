"""One request: what it asks for, its attempts, and its end. An attempt returns what came of it, and queues nothing."""
