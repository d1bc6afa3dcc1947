"""Texts without NUL. The binding of CEL ends a text at its first one, silently, and PostgreSQL refuses it."""

from __future__ import annotations

from contracts.json_values import plain as without_nul

__all__ = ["without_nul"]
