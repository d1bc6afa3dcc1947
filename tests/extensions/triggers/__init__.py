"""Triggers as a newcomer would add them: a file each. In the product they are in contracts/triggers/."""
