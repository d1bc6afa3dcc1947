"""What is wrong with a project, for the person who can mend it."""

from __future__ import annotations


class ProjectError(Exception):
    """A file is missing or wrong. The text says which and what to do; it is shown without a stack trace."""
