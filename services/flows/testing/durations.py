"""Seconds as a flow's author writes them: `2h`, `1d30m`, `1.5s`."""

from __future__ import annotations

UNITS = (("d", 86_400), ("h", 3600), ("m", 60))


def shown(seconds: float) -> str:
    """The shortest duration that `parse_duration` reads as these seconds (to the millisecond); `0s` for none."""
    left = round(seconds * 1000)
    parts: list[str] = []
    for unit, length in UNITS:
        whole, left = divmod(left, length * 1000)
        if whole:
            parts.append(f"{whole}{unit}")
    if left or not parts:
        parts.append(f"{left / 1000:.3f}".rstrip("0").rstrip(".") + "s")
    return "".join(parts)
