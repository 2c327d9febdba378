"""The command line as a person has it: a process of its own, in a directory of its own, without our environment."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import ROOT

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def object(self) -> Any:  # Any: whatever JSON the command printed
        """The one JSON object on stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A working directory and the variables that are set in it."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def throughline(self, *arguments: str, **variables: str) -> Ended:
        """Run `python -m throughline` with these arguments."""
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
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def environment(self, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "DO_NOT_TRACK": "1",
        }
        return {**clean, **self.variables, **(variables or {})}

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
