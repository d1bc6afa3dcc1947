"""One sample of each kind of thing that people add, as CONTRIBUTING.md tells them to. The suite runs them all."""
