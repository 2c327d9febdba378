"""Running contenders as child processes: to their end for speed, into a kill or a cut answer for faults."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.contender import API_KEY, Job, write_work
from benchmarks.peers.contenders import ROOT, Contender
from benchmarks.peers.work import source_text

LONGEST_S = 300
_POLLED_AFTER_S = 2.0  # a batch is killed when it was out for so long, with its state files long written
_IN_A_CALL_S = 0.4  # a chain is killed in the middle of calls of a second, with the ones before long written
_LOOK_S = 0.01
_BATCH_S = {"chain": "0.2", "batch": "6"}
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no download of prices
    "HF_DATASETS_OFFLINE": "1",
    "TELEMETRY_ENABLED": "false",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one contender did in one fault. `paid` and `calls` are from the simulator's bill."""

    paid: int
    calls: int
    result: dict[str, Any] | None
    said: str


@contextlib.contextmanager
def simulator(mode: str, tokens_per_second: int = 0) -> Generator[str]:
    """A simulator whose answers and batches take long enough to be killed in between."""
    command = [sys.executable, "-m", "simulator", "--exit-with-stdin", "--no-request-log"]
    command += ["--tokens-per-second", str(tokens_per_second), "--batch-seconds", _BATCH_S[mode]]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@contextlib.contextmanager
def started(
    who: Contender, mode: str, jobs: Sequence[Job], folder: Path, url: str
) -> Generator["subprocess.Popen[Any]"]:
    """A contender under way, in a session of its own, so that its children die with it."""
    work = folder / "work.json"
    write_work(jobs, work)
    command = [who.python, "-m", who.module, mode, work, folder, url]
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    given = {"HOME": str(folder), "ANTHROPIC_API_KEY": API_KEY, "ANTHROPIC_BASE_URL": url}
    with (
        (folder / "said.txt").open("ab") as said,
        subprocess.Popen(
            command, cwd=ROOT, env=keep | _QUIET | given, stdout=said, stderr=said, start_new_session=True
        ) as child,
    ):
        try:
            yield child
        finally:
            _kill(child)


def _kill(child: "subprocess.Popen[Any]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def finish(who: Contender, mode: str, jobs: Sequence[Job], folder: Path, url: str) -> dict[str, Any] | None:
    """Run it to its end; its result, or None when it failed or took too long."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    with started(who, mode, jobs, folder, url) as child, contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(LONGEST_S)
    return json.loads(result.read_text()) if result.exists() else None


def timed(who: Contender, mode: str, jobs: Sequence[Job], url: str) -> dict[str, Any]:
    """One run for speed; `RuntimeError` with what it said when it did not end well."""
    with tempfile.TemporaryDirectory() as folder:
        result = finish(who, mode, jobs, Path(folder), url)
        if result is None or not result["success"]:
            raise RuntimeError(f"{who.name} failed in {mode}: {result}\n{_last_words(Path(folder))}")
        return result


def killed(who: Contender, mode: str, job: Job) -> Fault:
    """SIGKILL half way, then a new start in the same folder."""

    def stop(url: str, folder: Path) -> None:
        with started(who, f"{mode}-fault", [job], folder, url) as child:
            _wait(lambda: _is_half_way(url, mode, len(job)), child)

    return _faulted(who, mode, job, stop)


def cut(who: Contender, mode: str, job: Job) -> Fault:
    """One answer ends half way with `max_tokens`: the second of a chain, or the only one of a batch."""

    def script(url: str, _folder: Path) -> None:
        fault: dict[str, Any] = {"on": "item", "what": "truncate", "skip": 1, "args": {"after_units": 3}}
        _post(f"{url}/_sim/faults", fault if mode == "chain" else fault | {"skip": 0, "args": {"after_units": 33}})

    return _faulted(who, mode, job, script)


def _faulted(who: Contender, mode: str, job: Job, harm: Callable[[str, Path], None]) -> Fault:
    speed = who.tokens_per_second if mode == "chain" else 0
    with simulator(mode, speed) as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source-0.md").write_text(source_text(0))
        harm(url, folder)
        result = finish(who, f"{mode}-fault", [job], folder, url)
        bill = _get(f"{url}/_sim/bill")
        return Fault(paid=len(bill["rows"]), calls=len(job), result=result, said=_last_words(folder))


def _is_half_way(url: str, mode: str, calls: int) -> bool:
    bill = _get(f"{url}/_sim/bill")
    if mode == "chain":
        if len(bill["rows"]) <= calls // 2:
            return False
        time.sleep(_IN_A_CALL_S)
        return True
    if not bill["batches_created"]:
        return False
    time.sleep(_POLLED_AFTER_S)
    return True


def _wait(moment: Callable[[], bool], child: "subprocess.Popen[Any]") -> None:
    give_up_at = time.monotonic() + LONGEST_S
    while not moment():
        if child.poll() is not None or time.monotonic() > give_up_at:
            return
        time.sleep(_LOOK_S)


def _last_words(folder: Path) -> str:
    said = folder / "said.txt"
    return said.read_text(errors="replace")[-1_500:] if said.exists() else ""


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


def _post(url: str, content: Any) -> None:
    request = urllib.request.Request(url, json.dumps(content).encode(), method="POST")
    urllib.request.urlopen(request, timeout=30).close()
