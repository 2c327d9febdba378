"""Run a command that ends when whoever started it does: `python -m tests.e2e.leash COMMAND...`.

Prints the command's process id. When stdin ends, the command and everything that it started are killed.
"""

import contextlib
import os
import subprocess
import sys
import threading

import psutil


def main() -> None:
    """Start, tell the process id, and hold the leash."""
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=2, start_new_session=True)
    os.write(1, f"{process.pid}\n".encode())
    threading.Thread(target=_end_with, args=(process,), daemon=True).start()
    while os.read(0, 4096):
        pass
    end(process.pid)
    process.wait()


def _end_with(process: subprocess.Popen[bytes]) -> None:
    os._exit(process.wait())


def end(pid: int) -> None:
    """Kill that process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


if __name__ == "__main__":
    main()
