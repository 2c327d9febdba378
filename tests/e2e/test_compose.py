"""docker-compose.yml: sound as a file, and its commands start as local processes with its own environment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e.compose import COMPOSE, FILE, SERVICES, Local, in_order, interpolated, variables
from tests.e2e.image import copied, sent, unpacked
from tests.e2e.postgres import debian_postgres
from tests.e2e.stack import PYTHONPATH, prefect_environment
from tests.faults.support import book
from tests.servers import ROOT

ONE_SHOT = {"deploy", "migrate-prefect"}
SECRETS: tuple[str, ...] = ("POSTGRES_PASSWORD", "PREFECT_AUTH", "ANTHROPIC_API_KEY", "REVIEW_TOKEN")


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
    for needed in SECRETS:
        given = dict.fromkeys(SECRETS, "x")
        del given[needed]
        with pytest.raises(KeyError):
            interpolated(FILE.read_text(), given)


def test_whatever_is_mounted_or_waited_for_is_declared():
    volumes = set(COMPOSE["volumes"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in volumes or source.startswith(("./", "${"))


def test_whatever_the_image_copies_is_sent_to_its_builder():
    assert set(copied()) <= sent()
    assert all((ROOT / name).exists() for name in sent())


def test_what_the_image_holds_needs_nothing_else_of_the_repository(tmp_path: Path):
    app = unpacked(tmp_path)
    packages = sorted(path.name for path in app.iterdir())
    code = (
        f"import importlib, pkgutil\nfor name in {packages}:\n"
        "    package = importlib.import_module(name)\n"
        f"    assert package.__file__.startswith({str(app)!r}), package.__file__\n"
        "    for found in pkgutil.walk_packages(package.__path__, name + '.'):\n"
        "        if not found.name.endswith(('__main__', '.env')) and '.versions.' not in found.name:\n"
        "            importlib.import_module(found.name)\n"
        "import sys\n"
        f"print(*sorted({{module.split('.')[0] for module in sys.modules}} & {{*{_others(packages)}}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app,
        env=prefect_environment(tmp_path) | {"PYTHONPATH": str(app)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def _others(packages: list[str]) -> list[str]:
    """The packages of the repository that the image leaves out."""
    return [path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in packages]


@pytest.mark.e2e
@pytest.mark.parametrize("profiles", [["demo"], ["demo", "scale"]], ids=" and ".join)
def test_a_compose_implementation_accepts_the_file(profiles: list[str]):
    chosen = [option for profile in profiles for option in ("--profile", profile)]
    accepted = subprocess.run(
        [Path(sys.executable).parent / "podman-compose", "-f", FILE, *chosen, "config"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | dict.fromkeys(SECRETS, "x"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert accepted.returncode == 0, accepted.stderr
    assert all(f"\n  {name}:" in accepted.stdout for name in in_order(set(profiles)))


@pytest.mark.e2e
@pytest.mark.parametrize("profiles", [["demo"], ["demo", "scale"]], ids=" and ".join)
def test_everything_starts_is_healthy_and_does_a_job(profiles: list[str], tmp_path: Path):
    (tmp_path / "sources").mkdir()
    book(tmp_path / "sources", 2)
    with debian_postgres() as postgres:
        chosen = variables(*(f"{profile}.env" for profile in profiles))
        local = Local(folder=tmp_path, sockets=postgres.sockets, variables=chosen, app=unpacked(tmp_path))
        with local.up(set(profiles)):
            asked = ["run", str(tmp_path / "sources" / "book.md"), "--kind", "summary", "--path", "both"]
            done = subprocess.run(
                [sys.executable, "-m", "throughline", *asked, "--deployment", "document-job", "--wait"],
                env=local.environment("worker") | {"PYTHONPATH": PYTHONPATH},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert ": done" in done.stdout
            a_wrong_password_is_named(local)
            pages_are_served(local)
            report_is_written(local)


def a_wrong_password_is_named(local: Local) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "throughline", "deploy"],
        env=local.environment("deploy") | {"PYTHONPATH": PYTHONPATH, "PREFECT_API_AUTH_STRING": "me:wrong"},
        cwd=local.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "wants a password. Set PREFECT_API_AUTH_STRING" in refused.stderr


def pages_are_served(local: Local) -> None:
    """Prefect's own: it copies them when it starts, to where it may write."""
    page = httpx.get(f"http://127.0.0.1:{local.ports['server']}/", trust_env=False, follow_redirects=True)
    assert page.is_success
    assert "<title>Prefect" in page.text


def report_is_written(local: Local) -> None:
    """The weekly one, started by hand, in the volume of the worker that writes it."""
    command = ["prefect", "deployment", "run", "report/report", "--watch"]
    done = subprocess.run(
        [Path(sys.executable).parent / command[0], *command[1:]],
        env=local.environment("worker"),
        cwd=local.folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.suffix for file in (local.folder / "reports").iterdir()} == {".md", ".csv", ".html"}
