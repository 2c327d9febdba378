"""Starting the simulator for `--simulate`: a child process that ends when its parent does."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from throughline.errors import BadInput


@contextmanager
def simulator(state_file: Path) -> Generator[str]:
    """The address of a running simulator. Its batches are kept in `state_file`, so a job can go on later."""
    if find_spec("simulator") is None:
        raise BadInput(
            "The simulator is not installed with the service. Run the command from a checkout of the source."
        )
    _require_writable(state_file)
    command = [sys.executable, "-m", "simulator", "--exit-with-stdin", "--batch-seconds", "1", "--no-request-log"]
    process = subprocess.Popen(
        [*command, "--state", str(state_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        if not ready:
            raise BadInput("The simulator did not start. Run: python -m simulator")
        yield json.loads(ready)["url"]
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def _require_writable(file: Path) -> None:
    """Make the file and its folder where they are not there, for their owner alone: documents are sent to it."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise BadInput(
            f"{file} cannot be written: {error.strerror}. Run from a folder of yours, or set THROUGHLINE_DATABASE_URL."
        ) from error
