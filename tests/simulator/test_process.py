"""The program: how it starts, what it remembers, how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulator.support import Simulator, item, params, results_of, sdk


async def test_batches_and_the_bill_survive_a_kill(tmp_path: Path):
    state = ("--state", str(tmp_path / "state.db"), "--batch-seconds", "0")
    with Simulator.running(*state) as simulator:
        async with sdk(simulator) as client:
            await client.messages.create(**params())
            ended = await client.messages.batches.create(requests=[item("a"), item("b")])
            before = await results_of(client, ended.id)
            deleted = await client.messages.batches.create(requests=[item("x")])
            await client.messages.batches.delete(deleted.id)
        billed = simulator.bill()
        simulator.process.kill()
        simulator.process.wait()
    with Simulator.running(*state) as simulator:
        async with sdk(simulator) as client:
            assert [batch.id async for batch in await client.messages.batches.list()] == [ended.id]
            assert await results_of(client, ended.id) == before
        after = simulator.bill()
        assert after["rows"] == billed["rows"]
        assert after["total_usd"] == billed["total_usd"]


async def test_a_batch_that_was_running_ends_after_the_restart(tmp_path: Path):
    """With the faults that it was dealt when it was created."""
    state = ("--state", str(tmp_path / "state.db"), "--batch-seconds", "0.5")
    with Simulator.running(*state) as simulator:
        simulator.fault("item", "expired", match='"late"')
        async with sdk(simulator) as client:
            batch = await client.messages.batches.create(requests=[item("late"), item("good")])
    with Simulator.running(*state) as simulator:
        time.sleep(0.5)  # noqa: ASYNC251  # nothing else runs here
        async with sdk(simulator) as client:
            kinds = {line.custom_id: line.result.type for line in await results_of(client, batch.id)}
        assert kinds == {"late": "expired", "good": "succeeded"}
        assert [row["custom_id"] for row in simulator.bill()["rows"]] == ["good"]
        simulator.reset()
    with Simulator.running(*state) as simulator:
        assert simulator.bill()["rows"] == []


def test_a_port_or_a_file_that_it_cannot_have_is_one_sentence(tmp_path: Path):
    with Simulator.running() as other:
        taken = ("--port", other.url.rpartition(":")[2])
        for options in (taken, ("--port", "99999"), ("--state", str(tmp_path))):
            command = [sys.executable, "-m", "simulator", *options]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
            assert ended.stderr.startswith("python -m simulator: error: ")


def test_it_exits_when_stdin_ends():
    with Simulator.running() as simulator:
        assert simulator.process.stdin is not None
        simulator.process.stdin.close()
        assert simulator.process.wait(timeout=5) == 0


def test_it_dies_with_a_parent_that_was_killed():
    """The parent is killed without a chance to clean up; its end of the pipe closes all the same."""
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'simulator', '--exit-with-stdin'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        deadline_s = time.monotonic() + 5
        while _is_running(child_pid) and time.monotonic() < deadline_s:
            time.sleep(0.02)
    assert not _is_running(child_pid)


def _is_running(pid: int) -> bool:
    """A process that ended but was not collected by whoever inherited it has ended all the same."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_even_while_it_answers(number: signal.Signals):
    with Simulator.running() as simulator:
        simulator.fault("messages", "hang", {"seconds": 30})
        command = [
            sys.executable,
            "-c",
            f"import http.client, json; c = http.client.HTTPConnection('{simulator.url.removeprefix('http://')}');"
            f"c.request('POST', '/v1/messages', json.dumps({params()!r}), {{'x-api-key': 'sim-1'}}); c.getresponse()",
        ]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as caller:
            while not simulator.requests():
                time.sleep(0.02)
            started_s = time.monotonic()
            simulator.process.send_signal(number)
            assert simulator.process.wait(timeout=5) == 0
            assert time.monotonic() - started_s < 1.0
            caller.wait(timeout=5)


def test_it_says_where_it_listens_in_one_line_and_nothing_else():
    with Simulator.running("--no-request-log") as simulator:
        simulator.post("/v1/messages", params()).raise_for_status()
        assert simulator.requests() == []
        assert simulator.url.startswith("http://127.0.0.1:")
        simulator.process.terminate()
        assert simulator.process.stdout is not None
        assert simulator.process.stdout.read() == ""


def test_it_takes_the_same_port_again_after_a_restart():
    with Simulator.running() as first:
        port = first.url.rpartition(":")[2]
        first.get("/health")
    with Simulator.running("--port", port) as second:
        assert second.url == first.url
        assert second.get("/health") == {"status": "ok"}
