"""For people and other tools: dead letters and calls of unknown outcome, by HTTP and behind commands."""
