"""Measure everyone who is installed, in interleaved rounds, and print the tables in Markdown.

`python -m benchmarks.peers [--rounds 5] [--jobs 20] [--only NAME ...]`
"""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.overhead import instant_server
from benchmarks.peers import rounds, work
from benchmarks.peers.contender import Job
from benchmarks.peers.contenders import ALL, RAW, Contender
from benchmarks.peers.rounds import Fault

Results = dict[str, list[dict[str, Any]]]  # Any: JSON


def speed(mode: str, who: Sequence[Contender], jobs: Sequence[Job], count: int) -> Results:
    """Some rounds in which everyone has a turn; who fails once is left out from there on."""
    results: Results = {contender.name: [] for contender in who}
    failed: set[str] = set()
    with instant_server() as url:
        rounds.timed(RAW, mode, jobs, url)  # not counted: the server's first answers are slower
        for _ in range(count):
            for contender in who:
                if contender.name in failed:
                    continue
                try:
                    results[contender.name].append(rounds.timed(contender, mode, jobs, url))
                except RuntimeError as error:
                    print(error, file=sys.stderr)
                    failed.add(contender.name)
    return {name: taken for name, taken in results.items() if name not in failed}


def speed_table(title: str, results: Results, per: int) -> None:
    """Medians, and the medians of the rounds' ratios to the raw SDK."""
    print(f"\n{title}\n\n| | ms each | x raw | CPU ms each | x raw | peak MB | x raw |\n|---|---|---|---|---|---|---|")
    for name, taken in results.items():
        cells: list[str] = []
        for key, scale in (("wall_s", 1000 / per), ("cpu_s", 1000 / per), ("peak_mb", 1.0)):
            pairs = zip(taken, results[RAW.name], strict=True)
            ratio = statistics.median(mine[key] / raw[key] for mine, raw in pairs)
            cells += [f"{statistics.median(mine[key] for mine in taken) * scale:.1f}", f"{ratio:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |")


def faults_table(mode: str, who: Sequence[Contender], job: Job) -> None:
    """What each paid and kept after a kill, and after a cut answer."""
    print(f"\n| {mode} | goes on from | killed: paid for {len(job)} | then | cut: paid for {len(job)} | says | kept |")
    print("|---|---|---|---|---|---|---|")
    for contender in who:
        death, cut = rounds.killed(contender, mode, job), rounds.cut(contender, mode, job)
        for fault in (death, cut):
            if fault.result is None:
                print(f"{contender.name}, {mode}: {fault.said}", file=sys.stderr)
        cells = (contender.resumes, death.paid, _said(death), cut.paid, _said(cut), _kept(cut))
        print(f"| {contender.name} | {' | '.join(map(str, cells))} |", flush=True)


def _said(fault: Fault) -> str:
    if fault.result is None:
        return "no result"
    return "success" if fault.result["success"] else "failure"


def _kept(fault: Fault) -> str:
    if fault.result is None:
        return "nothing"
    kept, wanted, note = (fault.result[key] for key in ("kept", "wanted", "note"))
    # Each request was answered once and every answer was kept: so the cut one is among them.
    unnoticed = not note and kept == wanted and fault.paid == fault.calls
    return f"{kept} of {wanted} {note or 'answers'}{', one of them cut and not marked' if unnoticed else ''}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=20)
    names = [one.name for one in ALL]
    parser.add_argument("--only", nargs="*", default=[], choices=names, help="contenders beside the raw SDK")
    options = parser.parse_args()
    asked = [one for one in ALL if not options.only or one.name in {*options.only, RAW.name}]
    present = [one for one in asked if one.installed]
    with rounds.simulator("chain") as url:
        chains, wholes = work.prompts(url, options.jobs)
    cores, today = os.cpu_count(), datetime.now(UTC).date()
    print(f"{today}, {cores} cores, Python {platform.python_version()}, {options.rounds} rounds, medians.")
    print(f"Load of the machine at the start, over a minute: {os.getloadavg()[0]:.1f}.")
    versions: dict[str, dict[str, str]] = {}
    for mode, jobs in (("chain", chains), ("batch", wholes)):
        who = [one for one in present if mode in one.modes]
        results = speed(mode, who, jobs, options.rounds)
        speed_table(f"**{mode}**: {len(jobs)} jobs of {len(jobs[0])} requests, per job", results, len(jobs))
        versions |= {name: taken[0]["versions"] for name, taken in results.items() if taken}
    for mode, jobs in (("chain", chains), ("batch", wholes)):
        faults_table(mode, [one for one in present if mode in one.modes], jobs[0])
    print("\nVersions: " + "; ".join(f"{name}: {_listed(found)}" for name, found in versions.items()) + ".")
    if missing := [one.name for one in asked if not one.installed]:
        print(f"Not installed, so not measured: {', '.join(missing)}.")


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in found.items())


if __name__ == "__main__":
    main()
