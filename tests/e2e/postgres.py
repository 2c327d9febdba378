"""PostgreSQL from Debian's packages: Prefect's server needs the extension pg_trgm, which the wheel lacks."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from tests.servers import Postgres

# In a shell that ends with this process, which holds its stdin; nothing in it is worth a clean shutdown.
_SERVE = """
trap 'rm -rf "$1"' EXIT
"$0/initdb" -D "$1/data" -U postgres --auth=trust --no-sync --encoding=UTF8 --locale=C >"$1/log" 2>&1
"$0/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c shared_buffers=64MB -c max_connections=150 \\
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off >>"$1/log" 2>&1 &
read -r _
kill -QUIT $!
wait $!
"""


@contextlib.contextmanager
def debian_postgres() -> Generator[Postgres]:
    """A server for Prefect's database and the ledgers, in a temporary folder, on a Unix socket."""
    binaries = _binaries()
    # A short path: the address of a Unix socket has about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="throughline-pg-"))
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        subprocess.run(["chown", "-R", "nobody", folder], check=True)
        owner = {"user": "nobody", "group": folder.stat().st_gid, "extra_groups": []}
    command = ["sh", "-c", _SERVE, binaries, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder, start_new_session=True, **owner):
        _wait_until_ready(binaries, folder)
        yield Postgres(folder)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parents[1].name))
    if not found:
        raise RuntimeError("These tests need Debian's PostgreSQL: apt-get install postgresql")
    return found[-1].parent


def _wait_until_ready(binaries: Path, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
        time.sleep(0.05)
