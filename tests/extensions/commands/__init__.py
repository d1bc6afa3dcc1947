"""Commands as a stranger would add them: one file each, in services/cli/commands/."""
