"""The command line as a person has it: a process of its own, in a directory of its own, without our environment."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import ROOT

TIMEOUT_S = 120  # on a busy machine; nothing waits longer than it must


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def object(self) -> Any:  # Any: whatever JSON the command printed
        """The one JSON object on stdout."""
        return json.loads(self.stdout)


class Warm:
    """A process that has imported everything and forks for each command: a tenth of a second instead of three."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Generator["Warm"]:
        command = [sys.executable, "-m", "tests.cli.warm"]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield cls(process)
            assert process.stdin is not None
            process.stdin.close()

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
        command = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A working directory and the variables that are set in it."""

    warm: Warm
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def throughline(self, *arguments: str, **variables: str) -> Ended:
        """The command in a process of its own, forked from one that has its imports behind it."""
        return self.warm.run(arguments, self.folder, self.environment(variables))

    def throughline_anew(self, *arguments: str, **variables: str) -> Ended:
        """`python -m throughline` with these arguments, from the start."""
        return self.python("-m", "throughline", *arguments, **variables)

    def python(self, *arguments: str, **variables: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Ended(code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "DO_NOT_TRACK": "1",
            "SSL_CERT_DIR": str(self.folder),  # no certificates to load, as nothing here is encrypted
        }
        return {**clean, **self.variables, **(variables or {})}

    def with_ledger(self) -> "Shell":
        """The same directory, with an empty ledger in it."""
        assert self.throughline("db", "upgrade").code == 0
        return self

    def job_rows(self) -> int:
        """How many jobs the ledger in this directory has; none when there is no ledger."""
        file = self.folder / ".throughline" / "throughline.db"
        if not file.exists():
            return 0
        connection = sqlite3.connect(file)
        try:
            return connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        finally:
            connection.close()
