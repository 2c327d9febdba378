"""The command line with its imports behind it: one command a line on stdin, each run in a process of its own.

A fork has the modules and nothing else: directory, environment, output and exit code are those of the command.
What the imports themselves cost or need is for the tests that start Python anew.
"""

import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from typing import Any, NoReturn

from throughline import tokenizer

TIMEOUT_S = 120
_OURS = ("tasks.job_life", "throughline.claude.client", "throughline.cli")
# What others import only when it is used: migrations, prices, connections, tables on a terminal.
_WITH_THE_FIRST_USE = (
    "alembic.autogenerate",
    "alembic.command",
    "anyio._backends._asyncio",
    "genai_prices.data",
    "h2.connection",
    "httpcore2",
    "rich._emoji_codes",
)


def main() -> None:
    _import()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_ended(json.loads(line))) + "\n")
        sys.stdout.flush()


def _import() -> None:
    """Everything that a command will need, the tokenizer's table included."""
    for module in (*_OURS, *_WITH_THE_FIRST_USE):
        importlib.import_module(module)
    tokenizer.count("read the table now")
    gc.collect()
    gc.freeze()  # else the first collection of every fork would copy all of it


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
