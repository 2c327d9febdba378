"""`.env.example` names every setting that there is, and none that there is not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from deployments.schedules import ServiceSettings
from throughline import settings
from throughline.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
# Read from the environment where they are used: a token must not travel with the other settings, and Prefect's are
# Prefect's own.
ELSEWHERE = {
    "THROUGHLINE_REVIEW_TOKEN",
    "PREFECT_API_URL",
    "PREFECT_API_AUTH_STRING",
    "DO_NOT_TRACK",
    "PREFECT_SERVER_ANALYTICS_ENABLED",
}
# Set by hand in examples, or by whoever starts a program.
INTERNAL = {"THROUGHLINE_FAILPOINT", "THROUGHLINE_CHAOS_SEED"}


def shown() -> dict[str, str]:
    lines = re.findall(r"^#? ?([A-Z][A-Z_0-9]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    names = [name for name, _ in lines]
    assert len(names) == len(set(names)), "a setting is shown twice"
    return dict(lines)


def fields() -> Iterator[tuple[type[BaseSettings], str, str]]:
    for model in (Settings, ServiceSettings):
        for name, field in model.model_fields.items():
            yield model, name, str(field.validation_alias or f"THROUGHLINE_{name.upper()}")


def test_every_setting_is_shown_and_nothing_else():
    assert set(shown()) == {variable for _, _, variable in fields()} | ELSEWHERE


@pytest.mark.parametrize(
    ("model", "name", "variable"), [pytest.param(*field, id=field[2]) for field in fields() if field[1] != "base_url"]
)
def test_the_value_that_is_shown_is_the_default(
    model: type[BaseSettings], name: str, variable: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(variable, shown()[variable])
    with_example = getattr(model(_env_file=None), name)  # pyright: ignore[reportCallIssue] - pydantic-settings' own
    monkeypatch.delenv(variable)
    example = shown()[variable]
    default = getattr(model(_env_file=None), name)  # pyright: ignore[reportCallIssue] - the same
    if variable == "THROUGHLINE_UNLISTED_MODEL":  # an example of its form, which has no default
        assert default == ""
        assert len(example.split()) == 5
    else:
        assert with_example == default


@pytest.mark.parametrize("variable", sorted({variable for _, _, variable in fields()} | INTERNAL))
def test_no_variable_that_is_read_is_refused_as_unknown(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, "")
    settings.load()


@pytest.mark.parametrize(
    "variable",
    [
        "THROUGHLINE_SERVICE_HOST",
        "THROUGHLINE_SERVICE_PORT_HTTP",
        "THROUGHLINE_PORT",
        "THROUGHLINE_PORT_8420_TCP_ADDR",
        "THROUGHLINE_REVIEW_SERVICE_HOST",
    ],
)
def test_what_kubernetes_says_of_a_service_of_this_name_is_no_slip(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, "10.0.0.1")
    settings.load()


def test_no_variable_is_read_that_is_not_shown():
    root = EXAMPLE.parent
    read: set[str] = set()
    for folder in ("throughline", "flows", "tasks", "storage", "review", "deployments"):
        for file in (root / folder).rglob("*.py"):
            read |= set(re.findall(r"\"(THROUGHLINE_[A-Z_]+)\"", file.read_text()))
    assert read - set(shown()) - INTERNAL == set()
