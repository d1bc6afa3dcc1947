"""Kafka's classes, loaded and linked, in a file beside its jars: a start with it takes half the CPU.

Java writes it at the end of a run and judges at each start whether it fits: what is of another Java, other jars or
other options is left alone, and the start is as slow as without (JEP 514, https://openjdk.org/jeps/514).
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local import kafka_jars
from deploy.local.errors import PartError
from deploy.local.progress import Progress


def prepared(
    fits: Sequence[str], train: Callable[[Path, Path], None], progress: Progress, *, cache_directory: Path | None = None
) -> Path | None:
    """The file for what `fits` names (Java, options), made the first time; None when there is none, which is told once.

    `train` runs Kafka in the first folder so that Java writes the second path. Safe against a kill at any moment and
    against others who do the same: the file counts once it was moved into place. A failed try is not made again, so
    that it does not cost each start: its reason stays beside the jars. A try that `progress` ends by raising has not
    failed: nobody waits for it any more.
    """
    home = kafka_jars.folder(cache_directory)
    file = home / f"classes-{hashlib.sha256(chr(0).join(fits).encode()).hexdigest()[:16]}.aot"
    failed = file.with_suffix(".failed")
    if file.exists():
        return file
    try:
        with kafka_jars.alone(home, progress):
            if not file.exists() and not failed.exists():
                _make(file, train)
    except (PartError, OSError) as error:
        progress("kafka", f"its starts stay slow, until {failed} is removed and the next one prepares: {error}")
        with contextlib.suppress(OSError):
            failed.write_text(f"{error}\n")
    return file if file.exists() else None


def _make(file: Path, train: Callable[[Path, Path], None]) -> None:
    folder = file.with_name("classes.part").resolve()  # of a killed try, too: whoever starts there ends what it left
    made = folder / file.name
    try:
        made.unlink(missing_ok=True)
        train(folder, made)
        if not made.exists():
            raise PartError("Java wrote no file of classes")
        with made.open("rb") as content:
            os.fsync(content.fileno())  # Java believes what it reads
        made.replace(file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
