"""A result is plain data: a verdict, findings with their places, and figures."""

import json

import pytest

from tests.unit.checks.support import CLOSING, bodies, output, quote, source, unit
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.result import conclude, error, evidence, warning
from throughline.domain.checks.table import CHECKS, run_checks
from throughline.domain.document import Output
from throughline.domain.outline import Outline

TEXT = source("The survey asked 1,482 people in four large cities.")


def test_errors_fail_a_check_and_warnings_do_not():
    assert conclude("name", []).passed
    assert conclude("name", [warning("u001", "Look.")]).passed
    assert not conclude("name", [warning("u001", "Look."), error("u001", "Wrong.")]).passed


def test_every_check_runs_once_in_the_order_of_the_table():
    results = run_checks(bodies("Text."), [TEXT])
    assert [result.name for result in results] == list(CHECKS)


def test_sources_that_were_read_already_are_not_read_again():
    corpus = Corpus([TEXT])
    run_checks(bodies("Text."), corpus)
    indexed = corpus.indexed
    run_checks(bodies("Other."), corpus)
    assert corpus.indexed is indexed


def test_the_evidence_is_json():
    out = output(unit("It asked 1,483 people.", 1, quote("The survey asked 1,483 people in four large cities.")))
    stored = [json.loads(json.dumps(evidence(result))) for result in run_checks(out, [TEXT])]
    (finding,) = next(found for found in stored if "verified" in found["measures"])["findings"]
    assert finding == {
        "severity": "error",
        "where": "u001",
        "part": "citations[0]",
        "what": 'Differs from report.txt in a number: "1,482" became "1,483".',
        "span": {"source": "report.txt", "start": 0, "end": 51},
        "diff": [{"source": "1,482", "output": "1,483", "marks": ["digits"]}],
    }


@pytest.mark.parametrize(
    "empty",
    [
        Output(title="", outline=Outline(units=()), units={}, closing=None),
        Output(title="", outline=Outline(units=()), units={}, closing=CLOSING),
        bodies("."),
    ],
)
def test_an_empty_output_breaks_no_check(empty: Output):
    assert len(run_checks(empty, [])) == len(CHECKS)
    assert len(run_checks(empty, [source("")])) == len(CHECKS)
