"""What every contender is: a program that does the given work in one mode and says how it went.

Standard library alone, because it is imported in the environment of each library. A contender is called as
`python -m MODULE MODE WORK FOLDER URL`: WORK is a file of prompts, FOLDER its own place, kept over a new start
after a kill, URL the server. It writes FOLDER/result.json when it ends by itself.
"""

import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CONCURRENCY = 4
API_KEY = "sim-peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request: all that any contender sends. Sizes in characters and tokens."""

    model: str
    system: str
    text: str
    max_tokens: int


Job = Sequence[Prompt]  # of a chain: its parts, and last the closing, which waits for them; of a batch: one


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the library said at the end, and what was kept of what was asked for."""

    success: bool
    kept: int
    wanted: int
    note: str = ""
    prepared_s: float = 0.0  # of the time, and of the CPU time, spent on what the others are given ready
    prepared_cpu_s: float = 0.0


Work = Callable[[Sequence[Job], Path, str], Outcome]


def read_work(file: Path) -> list[list[Prompt]]:
    """The jobs in a file of prompts."""
    return [[Prompt(**prompt) for prompt in job] for job in json.loads(file.read_text())]


def write_work(jobs: Sequence[Job], file: Path) -> None:
    """Write a file of prompts."""
    file.write_text(json.dumps([[asdict(prompt) for prompt in job] for job in jobs]))


def texts_kept(texts: Sequence[object], *, success: bool = True, note: str = "") -> Outcome:
    """The outcome of a library that hands out a text for each request, or nothing."""
    return Outcome(success=success, kept=sum(1 for text in texts if text), wanted=len(texts), note=note)


def run(packages: Sequence[str], modes: dict[str, Work]) -> None:
    """The contender's `main`: do the work of one mode, measured from after the imports to the last answer."""
    mode, work, folder, url = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    jobs = read_work(work)
    started, used = time.perf_counter(), cpu_s()
    outcome = modes[mode](jobs, folder, url)
    result: dict[str, Any] = asdict(outcome) | {
        "wall_s": time.perf_counter() - started - outcome.prepared_s,
        "cpu_s": cpu_s() - used - outcome.prepared_cpu_s,
        "peak_mb": _peak_mb(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }
    (folder / "result.json").write_text(json.dumps(result))


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _peak_mb() -> float:
    """The most memory that this program held; the kernel's `ru_maxrss` would count who started it as well."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
