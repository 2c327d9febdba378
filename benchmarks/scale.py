"""Does the cost of a job stay what it is when there are many, and does a large results file fit in little memory?

Queue: 100, 1,000 and 10,000 queued jobs are swept into batches, answered at once by the instant server,
collected, and concluded by the second sweep; without and with a daily budget. Each size runs in a process
of its own with a ledger of its own. Registering is shown but is no part of the cost of a queued job.

Results: one file of more than a gigabyte, a line for each of 850 answers of about 300,000 tokens, is ingested
in a process of its own, beside one that reads the same file line by line with `json.loads` and does nothing
else. The two alternate over some rounds, each with a fresh copy of the ledger.

Run: python -m benchmarks.scale [queue|results]
"""

import asyncio
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select

from storage import batches as stored_batches
from storage import jobs, tables
from storage.engine import Tx, reading, transaction
from tasks import batches, ingesting, planning, runtime, single_pass
from tasks.collecting import collect_once
from tasks.flow_runs import NoFlowRuns
from tasks.sending import sweep_queue
from throughline import settings
from throughline.domain.job import BatchId, Depth, JobId, JobSpec, JobStatus, Kind, PathChoice
from throughline.domain.source import Format, Source

SIZES = (100, 1_000, 10_000)
DAILY_BUDGET_USD = 1_000_000  # never reached: only the cost of looking is of interest
SMALL_UNITS = 4
LINES = 850
LONG_UNITS = 30  # of a document so small that 850 requests are one batch
ANSWER_CHARACTERS = 1_200_000  # about 300,000 tokens
ROUNDS = 3
_SPEC = JobSpec(kind=Kind.SUMMARY, model="claude-sonnet-5-5", depth=Depth.EXHAUSTIVE, path=PathChoice.SINGLE_PASS)
Figures = dict[str, Any]  # Any: numbers and names, as JSON carries them from a process to the other


# -- what every process needs


@contextmanager
def instant_server(folder: Path, characters: int = 0) -> Generator[str]:
    """The address of the instant server, in a process of its own; its results files lie in the folder."""
    command = [sys.executable, "-m", "benchmarks.instant_server", str(folder), str(characters)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        assert process.stdin is not None
        process.stdin.close()


def in_own_process(*arguments: object) -> Figures:
    """What that side of the measurement prints, run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scale", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def chosen(folder: Path, url: str, budget_usd: int = 0) -> settings.Settings:
    """Settings for a ledger in that folder and the instant server."""
    return settings.load(
        database_url=f"sqlite:///{folder}/ledger.db",
        ANTHROPIC_API_KEY="sim-x",
        ANTHROPIC_BASE_URL=url,
        batch_poll_s=0.01,
        tolerated_error_share=1,  # the server's answers repeat themselves, which is not what is measured
        daily_budget_usd=budget_usd or None,
    )


def peak_mb() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def document(number: int, *, sections: int) -> Source:
    """A document that makes a summary of that many units; those of all numbers have the same outline."""
    passages = (f"# Section {at} of {number:06d}\n\n" + "A sentence of the passage. " * 300 for at in range(sections))
    return Source(name="source.md", format=Format.MARKDOWN, text="\n\n".join(passages))


def register(tx: Tx, number: int, source: Source, planned: planning.Planned) -> JobId:
    """A job over that document. One plan serves all of them: counting tokens is not what is measured."""
    job = jobs.register(
        tx,
        key=str(number),
        spec=_SPEC,
        title=f"Job {number}",
        documents=[source],
        left_out=(),
        simulated=runtime.current().simulated,
        now=runtime.now(),
    )
    jobs.save_plan(tx, job.id, planned.plan, planned.outline, runtime.now())
    return job.id


# -- the queue


async def fill_queue(count: int, *, sections: int) -> None:
    """That many queued jobs, each with its own document."""
    rt = runtime.current()
    planned = await planning.plan_sources(_SPEC, [document(0, sections=sections)], left_out=())
    for number in range(count):
        with transaction(rt.engine, durable=False) as tx:
            job_id = register(tx, number, document(number, sections=sections), planned)
            jobs.set_status(tx, job_id, JobStatus.QUEUED, now=runtime.now())


async def queue_side(count: int, folder: Path, url: str, budget_usd: int) -> Figures:
    """Queue, send, collect and conclude that many jobs in this process."""
    async with runtime.opened(chosen(folder, url, budget_usd)):
        moments = [time.perf_counter()]
        await fill_queue(count, sections=SMALL_UNITS)
        moments.append(time.perf_counter())
        start_mb, used = peak_mb(), time.process_time()
        swept = await sweep_queue(count)
        moments.append(time.perf_counter())
        await collect_once(NoFlowRuns())
        moments.append(time.perf_counter())
        await sweep_queue(count)
        moments.append(time.perf_counter())
        cpu_ms = (time.process_time() - used) * 1_000 / count
        done = _count(tables.jobs, status=JobStatus.DONE)
        assert done == count, f"{done} of {count} jobs are done"
        spans = [(end - begin) * 1_000 / count for begin, end in itertools.pairwise(moments)]
        names = ("register", "sweep", "collect", "conclude")
        return dict(zip(names, spans, strict=True)) | {
            "each": sum(spans[1:]),
            "cpu": cpu_ms,
            "batches": swept.batches,
            "start_mb": start_mb,
            "peak_mb": peak_mb(),
            "rows": sum(_count(table) for table in tables.metadata.sorted_tables),
        }


def _count(table: Table, **wanted: object) -> int:
    query = select(func.count()).select_from(table)
    for name, value in wanted.items():
        query = query.where(table.c[name] == value)
    with reading(runtime.current().engine) as tx:
        return tx.execute(query).scalar_one()


def measure_queue(sizes: Sequence[int], budget_usd: int) -> None:
    """Each size in turn, printed as a table."""
    print(f"\nQueued jobs, {'with a daily budget' if budget_usd else 'no daily budget'}: ms each")
    print(
        f"{'jobs':>7}{'(register)':>12}{'sweep':>8}{'collect':>9}{'conclude':>10}{'in all':>8}{'x before':>10}"
        f"{'CPU':>7}{'x before':>10}{'batches':>9}{'start MB':>10}{'peak MB':>9}{'rows':>9}"
    )
    before: Figures = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as name, instant_server(Path(name)) as url:
            told = in_own_process("queue-side", count, name, url, budget_usd)
        growth, cpu_growth = (f"{told[key] / before[key]:.2f}" if before else "" for key in ("each", "cpu"))
        before = told
        print(
            f"{count:7,}{told['register']:12.2f}{told['sweep']:8.2f}{told['collect']:9.2f}{told['conclude']:10.2f}"
            f"{told['each']:8.2f}{growth:>10}{told['cpu']:7.2f}{cpu_growth:>10}{told['batches']:9}{told['start_mb']:10.0f}{told['peak_mb']:9.0f}"
            f"{told['rows']:9,}",
            flush=True,
        )


# -- one large results file


async def submit_side(folder: Path, url: str, lines: int) -> Figures:
    """A batch of that many single passes, sent by a sweep; its results file is then on the disk."""
    async with runtime.opened(chosen(folder, url)) as rt:
        await fill_queue(lines, sections=LONG_UNITS)
        swept = await sweep_queue(lines)
        assert swept.batches == 1, f"{swept.batches} batches were sent"
        with reading(rt.engine) as tx:
            batch = tx.execute(select(tables.batches)).one()
        return {"batch_id": batch.id, "remote_id": batch.remote_id}


async def ingest_side(folder: Path, url: str, batch_id: BatchId) -> Figures:
    """Ingest that batch in this process."""
    async with runtime.opened(chosen(folder, url)) as rt:
        assert await batches.has_ended(batch_id)
        start_mb = peak_mb()
        started, used = time.perf_counter(), time.process_time()
        await ingesting.ingest(batch_id, single_pass.save_result)
        figures = {
            "seconds": time.perf_counter() - started,
            "cpu_s": time.process_time() - used,
            "grown_mb": peak_mb() - start_mb,
        }
        with reading(rt.engine) as tx:
            calls = stored_batches.get(tx, batch_id).request_count
        units = _count(tables.units)
        complete = _count(tables.attempts, status="complete")
        assert complete == calls, f"{complete} of {calls} attempts are complete"
        return figures | {"units": units}


def plain_side(file: Path) -> Figures:
    """Read the file line by line and decode each line: the least that anybody who wants to know it must do."""
    start_mb = peak_mb()
    started, used = time.perf_counter(), time.process_time()
    with file.open("rb") as lines:
        for line in lines:
            json.loads(line)
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "cpu_s": cpu_s, "grown_mb": peak_mb() - start_mb}


def measure_results(lines: int, characters: int, rounds: int) -> None:
    """Both sides in turn; medians, and the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as name, instant_server(Path(name), characters) as url:
        folder = Path(name)
        sent = in_own_process("submit-side", folder, url, lines)
        file = folder / f"{sent['remote_id']}.jsonl"
        size_mb = file.stat().st_size / 1e6
        plain: list[Figures] = []
        ours: list[Figures] = []
        for number in range(rounds):
            copy = folder / str(number)
            copy.mkdir()
            shutil.copy(folder / "ledger.db", copy)
            os.sync()  # what the rounds before wrote is not this round's
            plain.append(in_own_process("plain-side", file))
            ours.append(in_own_process("ingest-side", copy, url, sent["batch_id"]))
            shutil.rmtree(copy)
    print(f"\nOne results file: {size_mb:,.0f} MB, {lines} answers, {ours[0]['units']:,} units ({rounds} rounds)")
    print(f"{'':22}{'plain':>10}{'ingest':>10}{'ratio':>8}")
    for label, value in _RESULT_ROWS.items():
        one, other = (statistics.median(value(told, size_mb) for told in side) for side in (plain, ours))
        print(f"{label:22}{one:10.1f}{other:10.1f}")
    ratios = [mine["seconds"] / theirs["seconds"] for mine, theirs in zip(ours, plain, strict=True)]
    rounds_told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{'time, ingest : plain':22}{statistics.median(ratios):28.2f}  (rounds: {rounds_told})")


_RESULT_ROWS: dict[str, Callable[[Figures, float], float]] = {
    "seconds": lambda told, _: told["seconds"],
    "CPU seconds": lambda told, _: told["cpu_s"],
    "MB a second": lambda told, size_mb: size_mb / told["seconds"],
    "MB above the start": lambda told, _: told["grown_mb"],
}


def main(arguments: Sequence[str]) -> None:
    """Measure one side, or everything."""
    match arguments:
        case ["queue-side", count, folder, url, budget_usd]:
            print(json.dumps(asyncio.run(queue_side(int(count), Path(folder), url, int(budget_usd)))))
        case ["submit-side", folder, url, lines]:
            print(json.dumps(asyncio.run(submit_side(Path(folder), url, int(lines)))))
        case ["ingest-side", folder, url, batch_id]:
            print(json.dumps(asyncio.run(ingest_side(Path(folder), url, BatchId(batch_id)))))
        case ["plain-side", file]:
            print(json.dumps(plain_side(Path(file))))
        case ["queue", *sizes]:
            for budget_usd in (0, DAILY_BUDGET_USD):
                measure_queue([int(size) for size in sizes] or SIZES, budget_usd)
        case ["results", *figures]:
            lines, characters, rounds = (*map(int, figures), *(LINES, ANSWER_CHARACTERS, ROUNDS)[len(figures) :])
            measure_results(lines, characters, rounds)
        case _:
            main(["queue"])
            main(["results"])


if __name__ == "__main__":
    main(sys.argv[1:])
