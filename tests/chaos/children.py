"""Child processes of the service: started in a hundredth of a second, watched, and killed with SIGKILL."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import ROOT, SIMULATED_KEY, Simulator


class Warm:
    """The process that the children are forked from."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Generator["Warm"]:
        command = [sys.executable, "-m", "tests.chaos.warm"]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield cls(process)
            assert process.stdin is not None
            process.stdin.close()

    def tell(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@dataclass(slots=True)
class Child:
    """A process that was started. It stays a zombie until it is asked for, so its pid is never another's."""

    warm: Warm
    pid: int
    arguments: tuple[str, ...]
    out: Path
    err: Path
    code: int | None = None

    def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that killed it."""
        if self.code is None:
            self.code = self.warm.tell(do="wait", pid=self.pid)["code"]
        assert self.code is not None
        return self.code

    def poll(self) -> int | None:
        """Its exit code; None while it lives."""
        if self.code is None:
            self.code = self.warm.tell(do="poll", pid=self.pid)["code"]
        return self.code

    def kill(self) -> int:
        """Kill it now, if it still lives, with the signal that cannot be caught."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()


@dataclass(slots=True, kw_only=True)
class Machine:
    """A machine on which children run: one folder, one ledger, one address of the API."""

    warm: Warm
    simulator: Simulator
    database_url: str
    folder: Path
    variables: dict[str, str] = field(default_factory=dict[str, str])
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, *arguments: str, **variables: str) -> Child:
        """A command of `throughline` in a process of its own, under way."""
        name = f"{next(self.numbers):05d}-{arguments[0]}"
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        started = self.warm.tell(
            do="start",
            arguments=arguments,
            folder=str(self.folder),
            environment=self._environment() | self.variables | variables,
            out=str(out),
            err=str(err),
        )
        return Child(self.warm, started["pid"], arguments, out, err)

    def run(self, *arguments: str, **variables: str) -> Child:
        """The same, ended."""
        child = self.start(*arguments, **variables)
        child.wait()
        return child

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "DO_NOT_TRACK": "1",
            "SSL_CERT_DIR": str(self.folder),  # no certificates to load, as nothing here is encrypted
            "ANTHROPIC_API_KEY": SIMULATED_KEY,
            "ANTHROPIC_BASE_URL": self.simulator.url,
            "THROUGHLINE_DATABASE_URL": self.database_url,
            "THROUGHLINE_BATCH_POLL_S": "0.05",
            "THROUGHLINE_TOLERATED_ERROR_SHARE": "1",
            "THROUGHLINE_BATCH_SETTLE_S": "0.05",
            "THROUGHLINE_API_FIRST_WAIT_S": "0.01",
        }
