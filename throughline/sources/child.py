"""A command run in a process of its own, with an end to its time and to what it may say."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_COMPLAINT_BYTES = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended. `output` is one byte longer than was allowed when there was more of it."""

    code: int
    output: bytes
    complaint: str
    late: bool


def run(
    command: Sequence[str], *, given: bytes = b"", environment: Mapping[str, str], max_bytes: int, timeout_s: float
) -> Ended:
    """Run the command, without a shell, on that standard input; it is killed when it takes or says too much."""
    late = threading.Event()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        # Files: a pipe would have to be written while the output is read.
        stdin.write(given)
        stdin.seek(0)
        with subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=environment, start_new_session=True
        ) as process:
            watch = threading.Timer(timeout_s, _kill, (process, late))
            watch.start()
            try:
                output = process.stdout.read(max_bytes + 1) if process.stdout else b""
                if len(output) <= max_bytes:
                    process.wait()
            finally:
                watch.cancel()
                _kill(process)
        stderr.seek(0)
        complaint = stderr.read(_COMPLAINT_BYTES).decode("utf-8", "replace")
    return Ended(code=process.returncode, output=output, complaint=complaint, late=late.is_set())


def _kill(process: subprocess.Popen[bytes], late: threading.Event | None = None) -> None:
    """End the process and whatever it started: a grandchild would keep the output open."""
    if process.poll() is not None:
        return
    if late is not None:
        late.set()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
