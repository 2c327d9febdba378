"""Throughline with its imports behind it: each child is a fork, a real process that a test may kill with SIGKILL.

Commands come on stdin, one JSON object a line, and are answered on stdout: `start` answers with the child's pid,
`wait` and `poll` with its exit code, negative for a signal. Children run side by side. When stdin ends, however
that came about, whoever is left is killed.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

from tests.warm_imports import import_everything

SERVE = "serve"  # instead of a command's arguments: the service's rounds until killed
LONGEST_LIFE_S = 300


def main() -> None:
    import_everything(besides=["tests.chaos.rounds", "psycopg"])
    children: set[int] = set()
    try:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(_obey(json.loads(line), children)) + "\n")
            sys.stdout.flush()
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _obey(command: dict[str, Any], children: set[int]) -> dict[str, Any]:
    if command["do"] == "start":
        pid = os.fork()
        if pid == 0:
            _become(command)
        children.add(pid)
        return {"pid": pid}
    pid, status = os.waitpid(command["pid"], os.WNOHANG if command["do"] == "poll" else 0)
    if pid == 0:
        return {"code": None}
    children.discard(pid)
    return {"code": os.waitstatus_to_exitcode(status)}


def _become(command: dict[str, Any]) -> NoReturn:
    from throughline import cli

    code: Any = 1
    try:
        signal.alarm(LONGEST_LIFE_S)
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for target, (file, mode) in enumerate(
            [(os.devnull, os.O_RDONLY), (command["out"], appended), (command["err"], appended)]
        ):
            os.dup2(os.open(file, mode, 0o600), target)
        _forget_the_parent()
        sys.argv = ["throughline", *command["arguments"]]
        if command["arguments"] == [SERVE]:
            importlib.import_module("tests.chaos.rounds").serve()
        cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does at its own end
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _forget_the_parent() -> None:
    """Arm anew what was read once, at its import."""
    from throughline import failpoints

    failpoints.arm(os.environ.get("THROUGHLINE_FAILPOINT", ""))


if __name__ == "__main__":
    main()
