"""docker-compose.yml: sound as a file, and its commands start as local processes with its own environment."""

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.stack import eventually, free_port, leashed, prefect_environment
from tests.faults.support import book
from tests.servers import ROOT, Postgres

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"deploy", "migrate-prefect"}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """What compose makes of `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if given := variables.get(name):
            return given
        if kind == "?":
            raise KeyError(rest)
        return rest or ""

    return _VARIABLE.sub(value, text)


def variables(name: str) -> dict[str, str]:
    """An env file beside the compose file."""
    lines = (ROOT / "deployments" / "compose" / name).read_text().splitlines()
    return dict(line.split("=", maxsplit=1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_service_has_what_an_operator_expects(name: str):
    service = SERVICES[name]
    assert service["restart"] in ("unless-stopped", "on-failure:5")
    assert "healthcheck" in service
    assert "logging" in service
    if name not in ONE_SHOT and name != "background":
        assert "disable" not in service["healthcheck"]
        assert "stop_grace_period" in service
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    image = service["image"]
    assert re.search(r":[\w.${}:-]*\d+\.\d+", image)
    if image.startswith("throughline:"):
        assert service["init"]
        assert service["cap_drop"] == ["ALL"]


def test_no_secret_stands_in_the_file():
    for needed in ("POSTGRES_PASSWORD", "PREFECT_AUTH", "ANTHROPIC_API_KEY"):
        given = {"POSTGRES_PASSWORD": "x", "PREFECT_AUTH": "x", "ANTHROPIC_API_KEY": "x"}
        del given[needed]
        with pytest.raises(KeyError):
            interpolated((ROOT / "docker-compose.yml").read_text(), given)


def test_whatever_is_mounted_or_waited_for_is_declared():
    volumes = set(COMPOSE["volumes"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in volumes or source.startswith(("./", "${"))


@pytest.mark.e2e
def test_the_demo_starts_and_does_a_job(postgres: Postgres, tmp_path: Path):
    ports = {name: str(free_port()) for name in ("4200", "8090", "worker", "rounds")}
    (tmp_path / "sources").mkdir()
    book(tmp_path / "sources", 2)
    with postgres.database() as prefect_url, postgres.database() as ledger_url, contextlib.ExitStack() as stack:
        urls = {"prefect": prefect_url.replace("postgresql:", "postgresql+asyncpg:"), "throughline": ledger_url}
        local = _Local(folder=tmp_path, ports=ports, urls=urls)
        stack.callback(local.tell)
        for name in ("simulator", "server"):
            stack.enter_context(local.running(name))
            eventually(lambda name=name: local.healthy(name), within_s=120)
        with local.running("deploy"):
            eventually(lambda: "Registered" in local.log("deploy").read_text(), within_s=120)
        for name in ("worker", "rounds"):
            stack.enter_context(local.running(name))
            eventually(lambda name=name: local.healthy(name), within_s=120)
        told = [
            "run",
            str(tmp_path / "sources" / "book.md"),
            "--kind",
            "summary",
            "--path",
            "both",
            "--deployment",
            "document-job",
            "--wait",
        ]
        command = (sys.executable, "-m", "throughline", *told)
        with leashed(*command, env=local.environment("worker"), cwd=tmp_path, log=tmp_path / "start.log"):
            eventually(lambda: ": done" in (tmp_path / "start.log").read_text(), within_s=300)


class _Local:
    """Services of the compose file as processes of this machine: hosts are loopback, folders temporary ones."""

    def __init__(self, *, folder: Path, ports: Mapping[str, str], urls: Mapping[str, str]) -> None:
        self._folder = folder
        self._ports = ports
        self._urls = urls
        self._variables = variables("demo.env")

    def tell(self) -> None:
        """What the services said last; pytest shows it of a failed test."""
        for log in self._folder.glob("*.log"):
            print(f"--- {log.stem} said:", log.read_text()[-2000:], sep="\n")

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def environment(self, name: str) -> dict[str, str]:
        """The service's own environment, and nothing of a developer's."""
        given = {key: self._here(str(value)) for key, value in SERVICES[name].get("environment", {}).items()}
        for key in ("PREFECT_API_DATABASE_CONNECTION_URL", "THROUGHLINE_DATABASE_URL"):
            if key in given:
                given[key] = self._urls[given[key].rsplit("/", 1)[-1]]
        given["PREFECT_HOME"] = str(self._folder / name)
        if "worker" in SERVICES[name]["command"] or name == "worker":
            port = self._ports[name]
            given |= {"PREFECT_WORKER_WEBSERVER_PORT": port, "HEALTH_URL": f"http://127.0.0.1:{port}/health"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return (
            prefect_environment(self._folder) | {key: value for key, value in given.items() if value} | {"PATH": path}
        )

    def running(self, name: str) -> contextlib.AbstractContextManager[int]:
        command = [self._here(part) for part in SERVICES[name]["command"]]
        if command[0] == "python":
            command[0] = sys.executable
        return leashed(*command, env=self.environment(name), cwd=self._folder, log=self.log(name))

    def healthy(self, name: str) -> bool:
        try:
            return httpx.get(self.environment(name)["HEALTH_URL"], trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _here(self, text: str) -> str:
        text = interpolated(text, self._variables)
        for host in ("server", "simulator"):
            text = text.replace(f"//{host}:", "//127.0.0.1:")
        text = text.replace("0.0.0.0", "127.0.0.1")
        for inside in ("4200", "8090"):
            text = text.replace(inside, self._ports[inside])
        return text.replace("/data", str(self._folder)).replace("/sources", str(self._folder / "sources"))
