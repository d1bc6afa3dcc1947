"""Write what is made from code (services/cli/generate/files.py). `make schemas` runs it, a release with `--release`."""

from __future__ import annotations

import argparse

from services.cli.generate.files import write


def main() -> None:
    """Write, and tell what changed."""
    parser = argparse.ArgumentParser(prog="python -m services.cli.generate", description=__doc__)
    parser.add_argument("--release", action="store_true", help="make these schemas the baseline for breaking changes")
    for name in write(release=parser.parse_args().release) or ["nothing changed"]:
        print(name)


if __name__ == "__main__":
    main()
