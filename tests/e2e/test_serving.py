"""`throughline serve`: everything on one machine from one command, and one Ctrl-C ends all of it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.leash import end
from tests.e2e.stack import PYTHONPATH, eventually, free_port, leashed, prefect_environment
from tests.faults.support import book

pytestmark = pytest.mark.e2e


def test_one_command_serves_and_one_interrupt_stops_everything(tmp_path: Path):
    port = free_port()
    env = prefect_environment(tmp_path) | {
        "PYTHONPATH": PYTHONPATH,
        "PREFECT_API_URL": "",  # as a compose file or a script leaves it: none
        "THROUGHLINE_COLLECT_SCHEDULE": "20s",
        "THROUGHLINE_SWEEP_SCHEDULE": "off",
    }
    log = tmp_path / "serve.log"
    pages = free_port()
    ports = ("--port", str(port), "--review-port", str(pages))
    command = (sys.executable, "-m", "throughline", "serve", "--simulate", *ports)
    with leashed(*command, env=env, cwd=tmp_path, log=log) as pid:
        service = psutil.Process(pid)
        started: list[psutil.Process] = []
        try:
            eventually(lambda: "The workers run" in log.read_text())
            eventually(lambda: f"Review pages: http://127.0.0.1:{pages}/login" in log.read_text())
            started = service.children(recursive=True)
            told = [
                "run",
                book(tmp_path, 2),
                "--kind",
                "summary",
                "--path",
                "both",
                "--deployment",
                "document-job",
                "--wait",
                "--json",
            ]
            client = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "ANTHROPIC_API_KEY": "sim-local"}
            done = subprocess.run(
                [sys.executable, "-m", "throughline", *told],
                cwd=tmp_path,
                env=env | client,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["status"] == "done"
            assert "Suspended" in done.stderr
            other_pages_are_kept_out(client["PREFECT_API_URL"])
            started += [child for child in service.children(recursive=True) if child not in started]
            os.kill(pid, signal.SIGINT)
            eventually(lambda: not any(alive(process) for process in (service, *started)))
        finally:
            print(log.read_text()[-4000:])  # pytest shows it of a failed test
            for process in started:
                end(process.pid)


def other_pages_are_kept_out(api: str) -> None:
    """What a page of another place, open in the same machine's browser, would try."""
    evil = {"Origin": "https://evil.example"}
    with httpx.Client(base_url=api, headers=evil, trust_env=False, timeout=60) as http:
        read = http.get("/deployments/name/document-job/document-job")
        assert "access-control-allow-origin" not in read.headers
        started = http.post(f"/deployments/{read.json()['id']}/create_flow_run", json={"parameters": {}})
        assert started.status_code == 403


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
