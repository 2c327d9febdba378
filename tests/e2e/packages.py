"""The programs that these tests start and that no Python package brings."""

import shutil
from pathlib import Path

_PROGRAMS = {
    "redis-server": "Redis",
    "chromedriver": "a browser's driver",
    "podman": "podman",
    "psql": "PostgreSQL's client",
}


def missing() -> list[str]:
    """What this machine lacks, in words."""
    found = [words for program, words in _PROGRAMS.items() if shutil.which(program) is None]
    if not any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        found.append("a browser")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        found.append("PostgreSQL's server")
    return found
