"""docker-compose.yml read as compose reads it, and its services started as processes of this machine."""

import contextlib
import functools
import os
import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.image import read_only
from tests.e2e.stack import PYTHONPATH, eventually, free_port, leashed, prefect_environment
from tests.servers import ROOT

FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PORTS = {"server": 4200, "api": 4200, "simulator": 8090, "redis": 6379, "review": 8420, "worker": 8080, "rounds": 8080}
"""Where a service listens inside its own container."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_DATABASE = re.compile(r"://\w+:[^@]*@postgres:5432/(\w+)")


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


def variables(*names: str) -> dict[str, str]:
    """The env files beside the compose file, a later one over an earlier one."""
    texts = [(ROOT / "deployments" / "compose" / name).read_text() for name in names]
    lines = [line for text in texts for line in text.splitlines()]
    return dict(line.split("=", maxsplit=1) for line in lines if line and not line.startswith("#"))


def in_order(profiles: set[str]) -> list[str]:
    """The services of these profiles, each behind those that it waits for."""
    chosen = {name for name, service in SERVICES.items() if set(service.get("profiles", [])) <= profiles}
    ordered: list[str] = []
    while len(ordered) < len(chosen):
        ready = [
            name for name in SERVICES if name in chosen - set(ordered) and _waits_for(name, chosen) <= set(ordered)
        ]
        assert ready, "services wait for each other"
        ordered += ready
    return ordered


def _waits_for(name: str, chosen: set[str]) -> set[str]:
    waits: dict[str, dict[str, Any]] = SERVICES[name].get("depends_on", {})
    missing = {other for other, how in waits.items() if other not in chosen and how.get("required", True)}
    assert not missing, f"{name} waits for {missing}, which its profile does not start"
    return set(waits) & chosen


@dataclass(slots=True, kw_only=True)
class Local:
    """The services as local processes: hosts are loopback, volumes temporary folders, PostgreSQL is at `sockets`.

    They run in a copy of the image's folder `app`, and where this machine lets us, can write nowhere but to /tmp.
    """

    folder: Path
    sockets: Path
    variables: Mapping[str, str]
    app: Path
    ports: dict[str, str] = field(default_factory=lambda: {name: str(free_port()) for name in PORTS})

    @contextlib.contextmanager
    def up(self, profiles: set[str]) -> Generator[None]:
        """Everything that `docker compose up` would start, in its order, each healthy or done before the next."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.tell)
            for name in in_order(profiles):
                if name == "postgres":
                    self._fill_postgres()
                elif SERVICES[name]["restart"] == "on-failure:5":
                    self._finish(name)
                else:
                    stack.enter_context(self._running(name))
                if "disable" not in SERVICES[name]["healthcheck"]:
                    eventually(functools.partial(self.healthy, name), within_s=300, every_s=1)
            yield

    def tell(self) -> None:
        """What the services said last; pytest shows it of a failed test."""
        for log in sorted(self.folder.glob("*.log")):
            print(f"--- {log.stem} said:", log.read_text()[-2000:], sep="\n")

    def environment(self, name: str) -> dict[str, str]:
        """The service's own environment, and nothing of a developer's."""
        given = {key: self._here(str(value), name) for key, value in SERVICES[name].get("environment", {}).items()}
        given["PREFECT_HOME"] = str(self.folder / name)
        if "PREFECT_REDIS_MESSAGING_HOST" in given:
            given |= {"PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1", "PREFECT_REDIS_MESSAGING_PORT": self.ports["redis"]}
        if name in ("worker", "rounds"):
            port = self.ports[name]
            given |= {"PREFECT_WORKER_WEBSERVER_PORT": port, "HEALTH_URL": f"http://127.0.0.1:{port}/health"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {key: value for key, value in given.items() if value}
        return prefect_environment(self.folder) | given | {"PATH": path, "HOME": "/home/throughline"}

    def healthy(self, name: str) -> bool:
        """Whether the service's own health check says so."""
        command = [self._here(part, name) for part in SERVICES[name]["healthcheck"]["test"][1:]]
        match name:
            case "postgres":
                command = [command[0], "-h", str(self.sockets), "-q", "-U", "postgres", "-d", command[-1]]
            case "redis":
                command[1:1] = ["-p", self.ports["redis"]]
            case _:
                pass
        return subprocess.run(command, env=self.environment(name), check=False, capture_output=True).returncode == 0

    def _command(self, name: str) -> list[str]:
        command = [self._here(part, name) for part in SERVICES[name]["command"]]
        if name == "redis":
            return [*command, "--port", self.ports["redis"], "--bind", "127.0.0.1", "--dir", str(self.folder)]
        path = os.pathsep.join([str(self.app), PYTHONPATH])
        return [*read_only(self.app), "env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", *command]

    def _running(self, name: str) -> contextlib.AbstractContextManager[int]:
        log = self.folder / f"{name}.log"
        return leashed(*self._command(name), env=self.environment(name), cwd=self.app, log=log)

    def _finish(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            done = subprocess.run(
                self._command(name), env=self.environment(name), cwd=self.app, stdout=log, stderr=log, timeout=600,
                check=False,
            )  # fmt: skip
        assert done.returncode == 0, (self.folder / f"{name}.log").read_text()[-4000:]

    def _fill_postgres(self) -> None:
        """What the image does with the file on its first start."""
        file = next(mount.split(":")[0] for mount in SERVICES["postgres"]["volumes"] if "initdb" in mount)
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", "postgres", "-f", ROOT / file]
        subprocess.run(command, check=True, capture_output=True)

    def _here(self, text: str, name: str) -> str:
        """The text with hosts, ports and folders as they are on this machine."""
        text = interpolated(text, self.variables).replace("/tmp/", f"{self.folder}/tmp-of-{name}/")
        text = _DATABASE.sub(rf"://postgres@/\1?host={self.sockets}", text)
        for host, port in PORTS.items():
            text = text.replace(f"//{host}:{port}", f"//127.0.0.1:{self.ports[host]}")
        text = text.replace("0.0.0.0", "127.0.0.1")
        if name in PORTS:
            text = re.sub(rf"\b{PORTS[name]}\b", self.ports[name], text)
        return text.replace("/data", str(self.folder)).replace("/sources", str(self.folder / "sources"))
