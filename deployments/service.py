"""The whole service on one machine: a Prefect server if none is set, the deployments, and a worker, until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate

from deployments.definitions import JOBS, ROUNDS, register
from deployments.reaching import reached
from deployments.schedules import ServiceSettings
from throughline.errors import BadInput

_START_S = 180
_LOOK_S = 0.5
_QUIET_S = 3.0


def say(text: str) -> None:
    """One line for the person who started it."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def prefect_server(port: int, home: Path) -> Generator[str]:
    """A Prefect server of our own on this machine; gives its API's address."""
    home.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port}/api"
    if _is_healthy(url):
        raise BadInput(f"A Prefect server runs at port {port} already. Set PREFECT_API_URL={url} to use it, or --port.")
    env = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_API_URL": url,
        # Any page that is open in a browser here could start jobs otherwise, and read what comes of them.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
    }
    log = home / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as out, _apart(command, env, out.fileno()) as process:
        say(f"Starting a Prefect server (its log: {log}) ...")
        _wait_until_healthy(url, process, log)
        yield url


@contextmanager
def review_pages(port: int) -> Generator[None]:
    """The pages on which people read and decide. They say their address, or why they cannot be served."""
    with _apart([sys.executable, "-m", "throughline", "review", "--port", str(port)], dict(os.environ)):
        yield


@contextmanager
def _apart(command: Sequence[str], env: dict[str, str], out: int | None = None) -> Generator[subprocess.Popen[bytes]]:
    """A process that Ctrl-C does not reach; it is told to stop at the end."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not _is_healthy(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BadInput(f"The Prefect server did not start. The end of {log} says why.")
        time.sleep(_LOOK_S)


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as told:
            return bool(told.read() == b"true")
    except OSError:
        return False


def work(chosen: ServiceSettings) -> None:
    """Register everything and run workers until a signal comes; then let running runs finish, and stop."""
    with reached():
        names = asyncio.run(register(chosen))
    for name in names:
        say(f"  {name}")
    stopping = _Signals()
    with stopping.heard():
        while not stopping.asked.is_set():
            with _workers(chosen) as workers:
                say("The workers run. Ctrl-C lets what is running finish, and stops.")
                while all(worker.poll() is None for worker in workers) and not stopping.asked.wait(_LOOK_S):
                    pass
                if stopping.asked.is_set():
                    _drain(chosen.work_pool, workers, stopping)
                else:
                    say("A worker ended by itself. The workers are started again.")
                    time.sleep(2)


@contextmanager
def _workers(chosen: ServiceSettings) -> Generator[list[subprocess.Popen[bytes]]]:
    """One for the jobs, which are limited in number, and one for the rounds, which must never wait for a place."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", chosen.work_pool, "--work-queue"]
    jobs = [*command, JOBS, "--limit", str(chosen.jobs_per_worker)]
    env = dict(os.environ)
    with _apart(jobs, env) as first, _apart([*command, ROUNDS], env) as second:
        yield [first, second]


def _drain(pool: str, workers: Sequence[subprocess.Popen[bytes]], stopping: "_Signals") -> None:
    """Start nothing more and wait for what runs; a second Ctrl-C ends that at once."""
    asyncio.run(_pause(pool, paused=True))
    try:
        _wait_for_children(workers, stopping)
        for pid in _children(workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    finally:
        for worker in workers:  # they have nothing left to do, and must take nothing when the pool is open again
            worker.kill()
            worker.wait()
        asyncio.run(_pause(pool, paused=False))


def _wait_for_children(workers: Sequence[subprocess.Popen[bytes]], stopping: "_Signals") -> None:
    """Until none has been there for a moment: a run that was just taken has its process a little later."""
    told, last = 0, time.monotonic()
    while time.monotonic() - last < _QUIET_S and not stopping.insisted.is_set():
        if running := _children(workers):
            last = time.monotonic()
        if len(running) > told:
            say(f"Waiting for {len(running)} running processes. Ctrl-C again stops them; their jobs go on next time.")
        told = len(running)
        stopping.insisted.wait(_LOOK_S)


async def _pause(pool: str, *, paused: bool) -> None:
    async with get_client() as client:
        await client.update_work_pool(pool, WorkPoolUpdate(is_paused=paused))


def _children(workers: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """The processes that the workers started."""
    parents = {worker.pid for worker in workers}
    listed = _from_proc() if Path("/proc/self/stat").exists() else _from_ps()
    return [child for child, parent, state in listed if parent in parents and not state.startswith("Z")]


def _from_proc() -> Generator[tuple[int, int, str]]:
    """Each process, its parent and its state, without a program that small images lack."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
            yield int(file.parent.name), int(parent), state


def _from_ps() -> Generator[tuple[int, int, str]]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        child, parent, state = line.split()
        yield int(child), int(parent), state


class _Signals:
    """Ctrl-C and SIGTERM: the first asks to stop, the second insists."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.insisted = threading.Event()

    @contextmanager
    def heard(self) -> Generator[None]:
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, _number: int, _frame: object) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()
