"""Which seeds have passed on this commit: what was broken off goes on from there."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class PassedSeeds:
    """Kept in a file. Another commit begins anew; changes that are not committed do not."""

    file: Path

    def read(self) -> dict[str, float]:
        """Seconds of each."""
        try:
            known = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return {}
        return dict(known["seeds"]) if known.get("of") == _commit() else {}

    def write(self, passed: dict[str, float]) -> None:
        """All of them."""
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(json.dumps({"of": _commit(), "seeds": passed}))


def _commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
