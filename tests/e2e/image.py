"""The image's files as Dockerfile and .dockerignore choose them, and a machine of which only /tmp is writable."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT

# What `read_only: true` and `tmpfs: [/tmp]` make of a container; the places in the arguments are read-only as well.
_READ_ONLY = """
mount --bind /tmp /tmp && mount -o remount,bind,ro / || exit 1
while [ "$1" != -- ]; do mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 1; shift; done
shift; exec "$@"
"""


def copied() -> list[str]:
    """What the last stage of the Dockerfile copies out of the repository."""
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines()]
    stages = [number for number, words in enumerate(lines) if words[:1] == ["FROM"]]
    wanted = [words for words in lines[stages[-1] :] if words[:1] == ["COPY"] and not words[1].startswith("--from")]
    assert all(len(words) == 3 for words in wanted)
    return [words[1] for words in wanted]


def sent() -> set[str]:
    """What .dockerignore, which leaves out everything and takes back by name, lets the builder see."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return {line[1:] for line in lines if line.startswith("!")}


def unpacked(folder: Path) -> Path:
    """The folder /app of the image, there."""
    app = folder / "app"
    for name in copied():
        shutil.copytree(ROOT / name, app / name, ignore=shutil.ignore_patterns("__pycache__"))
    return app


def read_only(app: Path) -> list[str]:
    """What to begin a command with so that it can write to /tmp only; nothing where one may not do that."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        return []
    places = {str(app), str(ROOT), sys.prefix, os.path.realpath(sys.base_prefix)}
    return ["unshare", "-m", "sh", "-c", _READ_ONLY, "sh", *sorted(places), "--"]
