"""The command line with its imports behind it: one command a line on stdin, each run in a process of its own.

Directory, environment, output and exit code are those of the command.
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from typing import Any, NoReturn

from tests.warm_imports import import_everything

TIMEOUT_S = 120


def main() -> None:
    import_everything()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_ended(json.loads(line))) + "\n")
        sys.stdout.flush()


def _ended(command: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(command, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "stdout": out.read().decode(),
            "stderr": err.read().decode(),
        }


def _become(command: dict[str, Any], out: int, err: int) -> NoReturn:
    from throughline import cli

    signal.alarm(TIMEOUT_S)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    sys.argv = ["throughline", *command["arguments"]]
    code: Any = 1
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does at its own end
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
