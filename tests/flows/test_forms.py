"""What the Prefect UI makes a form of: flat, short, chosen from lists where there is a choice, and explained."""

import importlib
from typing import Any

import pytest

from flows.document_job import document_job
from flows.registered_job import registered_job
from throughline.domain.job import Depth, Kind, PathChoice, ReviewMode

SIMPLE = {"string", "number", "integer", "boolean"}


def properties() -> dict[str, dict[str, Any]]:
    return document_job.parameters.properties


def test_the_form_of_a_document_job_has_at_most_ten_fields():
    assert len(properties()) <= 10


def test_only_sources_and_kind_must_be_filled_in():
    assert document_job.parameters.required == ["sources", "kind"]


@pytest.mark.parametrize("name", list(properties()))
def test_every_field_is_flat(name: str):
    field = properties()[name]
    if "$ref" in field:
        definition = document_job.parameters.definitions[field["$ref"].rsplit("/", 1)[-1]]
        assert definition["type"] == "string"
        assert definition["enum"]
    elif field["type"] == "array":
        assert field["items"]["type"] in SIMPLE
    else:
        assert field["type"] in SIMPLE


@pytest.mark.parametrize("name", list(properties()))
def test_every_field_is_explained(name: str):
    assert len(properties()[name]["description"].split()) >= 3


@pytest.mark.parametrize(
    ("name", "choices"), [("Kind", Kind), ("PathChoice", PathChoice), ("Depth", Depth), ("ReviewMode", ReviewMode)]
)
def test_a_choice_is_offered_with_all_its_values(name: str, choices: type[Kind | PathChoice | Depth | ReviewMode]):
    assert document_job.parameters.definitions[name]["enum"] == [str(choice) for choice in choices]


def test_the_model_and_the_deadline_may_be_left_open():
    assert {name: properties()[name]["default"] for name in ("model", "deadline_hours")} == {
        "model": "",
        "deadline_hours": 0,
    }
    assert "THROUGHLINE_MODEL" in properties()["model"]["description"]
    assert "0 for no deadline" in properties()["deadline_hours"]["description"]


def test_a_registered_job_asks_for_its_id_alone():
    parameters = registered_job.parameters
    assert list(parameters.properties) == ["job_id"]
    assert parameters.properties["job_id"]["type"] == "string"
    assert "throughline list" in parameters.properties["job_id"]["description"]


def test_the_flows_describe_themselves():
    assert document_job.description
    assert document_job.description.startswith("Write one long document")
    assert registered_job.description


def test_the_server_can_be_imported_with_the_pinned_fastapi():
    assert importlib.import_module("prefect.server.api.server").create_app
