"""The programs that these tests start and that no Python package brings."""

import shutil
from pathlib import Path

_PROGRAMS = {"redis-server": "Redis", "podman": "podman", "psql": "PostgreSQL's client"}


def missing() -> list[str]:
    """What this machine lacks, in words."""
    found = [words for program, words in _PROGRAMS.items() if shutil.which(program) is None]
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        found.append("PostgreSQL's server")
    if not has_browser() and not is_ubuntu():
        found.append("a browser with its driver")
    return found


def has_browser() -> bool:
    """Whether there is one, and the driver that goes with it."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    return shutil.which("chromedriver") is not None and any(shutil.which(name) for name in browsers)


def is_ubuntu() -> bool:
    """Whether this machine's Chromium would be a snap, which a container cannot run."""
    release = Path("/etc/os-release")
    return release.exists() and "ID=ubuntu" in release.read_text().splitlines()
