"""The commands of `flows`: one file a command, or one folder of its name."""
