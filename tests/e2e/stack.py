"""The service as it is deployed: a Prefect server on PostgreSQL, process workers, the simulator, a ledger."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from storage import jobs, reports
from storage.engine import connect, reading
from tests.e2e.leash import end
from tests.servers import ROOT, SIMULATED_KEY, Postgres, Simulator
from throughline.domain.report import to_json

T = TypeVar("T")
Json = dict[str, Any]
PYTHONPATH = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
ENDED = ("Completed", "Failed", "Crashed", "Cancelled")


def eventually(look: Callable[[], T | None], *, within_s: float = 300, every_s: float = 0.3) -> T:
    """The first answer that is true; an error when the time is up."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {within_s} s: {look}")
        time.sleep(every_s)


@contextlib.contextmanager
def leashed(*command: str, env: Mapping[str, str], cwd: Path, log: Path) -> Generator[int]:
    """A command in a process of its own, ended with all its children at the end or when this process dies."""
    with log.open("ab") as out:
        holder = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.leash", *command],
            cwd=cwd,
            env={**env, "PYTHONPATH": PYTHONPATH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            start_new_session=True,  # a signal that is meant for pytest must not loosen the leash
        )
        with holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            pid = int(holder.stdout.readline())
            try:
                yield pid
            finally:
                holder.stdin.close()
                holder.wait(timeout=120)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(slots=True, kw_only=True)
class PrefectServer:
    """A Prefect server that can be killed and started again on its database."""

    home: Path
    port: int
    http: httpx.Client
    env: dict[str, str]
    pid: int = 0
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        log = self.home / "server.log"
        self.pid = self.running.enter_context(leashed(*command, env=self.env, cwd=self.home, log=log))
        eventually(self.healthy)

    def die(self) -> None:
        """It is killed, with no time to tidy up."""
        end(self.pid)
        self.running.close()

    def healthy(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/health").is_success
        return False


def prefect_environment(home: Path) -> dict[str, str]:
    """What every Prefect process of the tests is told: no telemetry, no developer's settings, short polls."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "THROUGHLINE_"))}
    return kept | {
        "HOME": str(home),
        "PREFECT_HOME": str(home),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PYTHONWARNINGS": "ignore",
    }


@contextlib.contextmanager
def running_prefect(postgres: Postgres) -> Generator[PrefectServer]:
    """A Prefect server on a database of its own; gone with its folder at the end."""
    home = Path(tempfile.mkdtemp(prefix="throughline-e2e-"))
    port = free_port()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        database = stack.enter_context(postgres.database()).replace("postgresql://", "postgresql+asyncpg://")
        env = prefect_environment(home) | {
            "PREFECT_API_DATABASE_CONNECTION_URL": database,
            "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
            "PREFECT_SQLALCHEMY_POOL_SIZE": "8",
            "PREFECT_SQLALCHEMY_MAX_OVERFLOW": "8",
        }
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", trust_env=False, timeout=120)
        server = PrefectServer(home=home, port=port, http=stack.enter_context(http), env=env)
        stack.enter_context(server.running)
        server.start()
        yield server


@dataclass(slots=True)
class Worker:
    """A process worker."""

    pid: int
    log: Path

    def runs(self) -> list[psutil.Process]:
        """The flow run processes that it has running now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child for child in psutil.Process(self.pid).children(recursive=True) if _is_engine(child)]
        return []

    def die(self) -> None:
        """The machine is gone: the worker and what it runs are killed."""
        end(self.pid)


def _is_engine(process: psutil.Process) -> bool:
    try:
        return "prefect.engine" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(slots=True)
class Stack:
    """Everything that one test has: it talks to Prefect over HTTP, and to Throughline through its command."""

    server: PrefectServer
    simulator: Simulator
    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def environment(self) -> dict[str, str]:
        """What a worker, and a person's terminal, is told."""
        return (
            prefect_environment(self.server.home)
            | {
                "PREFECT_API_URL": self.server.url,
                "ANTHROPIC_API_KEY": SIMULATED_KEY,
                "ANTHROPIC_BASE_URL": self.simulator.url,
                "PYTHONPATH": PYTHONPATH,
                "THROUGHLINE_DATABASE_URL": self.database_url,
                "THROUGHLINE_WORK_POOL": self.folder.name,
                "THROUGHLINE_COLLECT_SCHEDULE": "off",
                "THROUGHLINE_SWEEP_SCHEDULE": "off",
                "THROUGHLINE_REPORT_SCHEDULE": "off",
                "THROUGHLINE_CALIBRATE_SCHEDULE": "off",
                "THROUGHLINE_BATCH_SETTLE_S": "0.5",
                "THROUGHLINE_API_FIRST_WAIT_S": "0.05",
                "THROUGHLINE_LEASE_S": "8",
            }
            | self.settings
        )

    def throughline(self, *arguments: str, ok: bool = True) -> str:
        """What the command printed."""
        done = subprocess.run(
            [sys.executable, "-m", "throughline", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def worker(self, name: str = "worker", *, limit: int = 6, **settings: str) -> Generator[Worker]:
        """A process worker of this test's work pool."""
        log = self.folder / f"{name}.log"
        command = ["worker", "start", "--pool", self.folder.name, "--name", name, "--limit", str(limit)]
        with leashed(
            sys.executable, "-m", "prefect", *command, env=self.environment | settings, cwd=self.folder, log=log
        ) as pid:
            try:
                yield Worker(pid=pid, log=log)
            finally:
                print(f"--- worker {name} said:", log.read_text()[-6000:], sep="\n")  # pytest shows it of a failed test

    def start(self, name: str, parameters: Json | None = None) -> str:
        """An ad-hoc run of a deployment; gives its id."""
        deployment = self.server.http.get(f"/deployments/name/{name}/{name}").raise_for_status().json()
        body = {"parameters": parameters or {}, "enforce_parameter_schema": True}
        made = self.server.http.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
        return made.raise_for_status().json()["id"]

    def run(self, name: str, parameters: Json | None = None, *, within_s: float = 300) -> str:
        """An ad-hoc run followed to its end, which must be good; gives its id.

        One that died may hold its deployment's only slot for a minute; then, as a schedule does, it is tried again.
        """
        deadline = time.monotonic() + within_s
        while True:
            run_id = self.start(name, parameters)
            state = self.reaches(run_id, *ENDED, within_s=within_s)
            if state["name"] != "Cancelled" or time.monotonic() > deadline:
                assert state["name"] == "Completed", state
                return run_id
            time.sleep(3)

    def state(self, run_id: str) -> Json:
        return self.server.http.get(f"/flow_runs/{run_id}").raise_for_status().json()["state"]

    def reaches(self, run_id: str, *names: str, within_s: float = 300) -> Json:
        """The state when the run has come to one of these."""

        def there() -> Json | None:
            state = self.state(run_id)
            return state if state["name"] in names else None

        try:
            return eventually(there, within_s=within_s)
        except TimeoutError:
            raise TimeoutError(f"run {run_id} is {self.state(run_id)}, not {names}") from None

    def cancel(self, run_id: str) -> None:
        """What the UI's button does."""
        body = {"state": {"type": "CANCELLING"}, "force": False}
        self.server.http.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()

    def logs(self, run_id: str) -> list[str]:
        """The log lines that the UI shows of a run."""
        body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        return [line["message"] for line in self.server.http.post("/logs/filter", json=body).raise_for_status().json()]

    def states(self, run_id: str) -> list[str]:
        """The states that a run went through."""
        found = self.server.http.get("/flow_run_states/", params={"flow_run_id": run_id}).raise_for_status().json()
        return [state["name"] for state in sorted(found, key=lambda state: state["timestamp"])]

    def jobs(self) -> list[Json]:
        """Every job of the ledger, newest first, as `throughline list --json` prints them."""
        engine = connect(self.database_url)
        try:
            with reading(engine) as tx:
                found = [to_json(reports.job(tx, job_id)) for job_id in jobs.recent(tx, 1000)]
        finally:
            engine.dispose()
        return json.loads(json.dumps(found))

    def job(self) -> Json:
        """The only job."""
        (only,) = self.jobs()
        return only

    def paid_once(self, *, lost_calls: int = 0) -> None:
        """No request was billed twice, and the ledger's total is the bill, but for answers that got lost."""
        bill = self.simulator.bill()
        times = Counter(row["fingerprint"] for row in bill["rows"])
        attempts = [attempt for job in self.jobs() for attempt in job["attempts"]]
        spent = sum((Decimal(attempt["cost_usd"]) for attempt in attempts), Decimal(0))
        # What was under way when its run was cancelled has been paid for in part, and nobody was told how much.
        unknown = [Decimal(attempt[f"{kind}_at_most_usd"]) for attempt in attempts for kind in ("lost", "open")]
        at_most = sum(unknown, Decimal(0))
        lost = sum(attempt["lost_calls"] + attempt["open_calls"] for attempt in attempts)
        assert lost <= lost_calls
        assert sum(times.values()) - len(times) <= lost
        assert spent <= Decimal(bill["total_usd"]) <= spent + at_most

    def billed(self, kind: str) -> int:
        return sum(row["kind"] == kind for row in self.simulator.bill()["rows"])
