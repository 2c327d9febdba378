"""Whatever is wrong with a request: exit code 2 and one sentence that says what to do, before anything is sent."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.support import Ended, Shell
from tests.servers import Simulator

NOTES = "# Notes\n\nThe keeper counted forty ships in the spring. The lamp was trimmed at dusk.\n"


def assert_refused(ended: Ended, *says: str) -> None:
    """One sentence on stderr, nothing on stdout, exit code 2."""
    assert ended.code == 2, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.startswith("throughline: ")
    assert ended.stderr.count("\n") == 1
    for part in says:
        assert part in ended.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A bad request: what is prepared, what is typed, and what the sentence says."""

    says: tuple[str, ...]
    file: bytes = NOTES.encode()
    source: str = "notes.md"
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict[str, str])
    prepare: Callable[[Path], object] = lambda _: None


CASES = {
    "missing file": Case(source="nowhere.md", says=("nowhere.md does not exist", "check the path")),
    "directory for a summary": Case(source=".", says=("is a directory", "--kind code_review")),
    "empty file": Case(file=b" \n", says=("notes.md", "empty")),
    "binary file": Case(file=bytes(range(256)) * 8, says=("notes.md looks like a binary file", "UTF-8")),
    "Latin-1 file": Case(
        file="Die Tür ist geöffnet.\n".encode("latin-1"),
        says=("notes.md is neither UTF-8 (it stops at byte 5) nor UTF-16 with a byte order mark; save it as UTF-8.",),
    ),
    "file over the limit": Case(
        variables={"THROUGHLINE_MAX_SOURCE_BYTES": "20"}, says=("notes.md", "THROUGHLINE_MAX_SOURCE_BYTES")
    ),
    "source outside the roots": Case(
        prepare=lambda folder: (folder / "allowed").mkdir(),
        variables={"THROUGHLINE_SOURCE_ROOTS": "allowed"},
        says=("notes.md lies outside", "THROUGHLINE_SOURCE_ROOTS"),
    ),
    "unknown kind": Case(options=("--kind", "poem"), says=("'poem'", "summary", "code_review", "--help")),
    "kind with a slip": Case(
        options=("--kind", "sumary"), says=("'synthesis'. Did you mean 'summary'? See: throughline",)
    ),
    "path with a slip": Case(options=("--path", "single-pass"), says=("Did you mean 'single_pass'?",)),
    "depth with a slip": Case(options=("--depth", "exhausting"), says=("Did you mean 'exhaustive'?",)),
    "model with a slip": Case(
        options=("--model", "claude-sonet-5-5"), says=("Did you mean 'claude-sonnet-5-5'? Known",)
    ),
    "waiting for no deployment": Case(
        options=("--wait",), says=("--wait is for runs of a deployment", "Leave it out.")
    ),
    "shown by a Prefect server that is away": Case(
        variables={"PREFECT_API_URL": "http://me:secret@127.0.0.1:9/api"},
        says=(
            "The Prefect server at http://127.0.0.1:9/api cannot be reached",
            "Or unset PREFECT_API_URL to run without",
        ),
    ),
    "unknown path": Case(options=("--path", "shortcut"), says=("'shortcut'", "single_pass", "chunked", "--help")),
    "unknown depth": Case(options=("--depth", "abysmal"), says=("'abysmal'", "exhaustive", "--help")),
    "unknown option": Case(
        options=("--zzz",), says=("throughline: No such option '--zzz'. See: throughline run --help\n",)
    ),
    "deployment without a server": Case(
        options=("--deployment", "document-job"), says=("PREFECT_API_URL names no Prefect server", "throughline serve")
    ),
    "deployment in a process of its own": Case(
        options=("--deployment", "document-job", "--simulate"),
        variables={"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        says=("--simulate is for runs in this process",),
    ),
    "deployment on a server that is away": Case(
        options=("--deployment", "document-job"),
        variables={"PREFECT_API_URL": "http://me:secret@127.0.0.1:9/api"},
        says=("The Prefect server at http://127.0.0.1:9/api cannot be reached", "throughline serve"),
    ),
    "ledger at a port that is no number": Case(
        variables={"THROUGHLINE_DATABASE_URL": "postgresql://me:secret@host:port/ledger"},
        says=("THROUGHLINE_DATABASE_URL has a port that is no number",),
    ),
    "deployment anew": Case(options=("--deployment", "document-job", "--again"), says=("--again is for runs in this",)),
    "host that is not public": Case(
        source="http://127.0.0.1:9/notes.md", says=("not a public address", "THROUGHLINE_SOURCE_ROOTS")
    ),
    "unknown model": Case(
        options=("--model", "claude-nonesuch"),
        says=("Unknown model 'claude-nonesuch'", "claude-sonnet-5-5", "THROUGHLINE_UNLISTED_MODEL"),
    ),
    "negative budget": Case(options=("--budget-usd", "-1"), says=("budget", "more than 0 dollars")),
    "negative price of waiting": Case(options=("--waiting-usd-per-hour", "-1"), says=("waiting", "0 dollars or more")),
    "price of reading that is no number": Case(options=("--review-usd-per-hour", "much"), says=("'much' is not an",)),
    "risk that is no chance": Case(options=("--risk-of-cut", "1"), says=("--risk-of-cut", "0<x<1")),
    "risk that is no number": Case(options=("--risk-of-cut", "nan"), says=("--risk-of-cut", "'nan' is not a number")),
    "budget that is no number": Case(options=("--budget-usd", "much"), says=("'much' is not an amount", "2.50")),
    "budget beyond all money": Case(options=("--budget-usd", "1e999"), says=("'1e999' is not an amount",)),
    "budget below all money": Case(options=("--budget-usd", "1e-999"), says=("'1e-999' is not an amount",)),
    "price of waiting beyond all money": Case(
        options=("--waiting-usd-per-hour", "1e10"), says=("'1e10' is not an amount",)
    ),
    "deadline of now": Case(options=("--deadline", "0h"), says=("The deadline '0h' must lie ahead.", "45m")),
    "deadline of an empty variable": Case(options=("--deadline", ""), says=("The deadline '' is not understood",)),
    "model of an empty variable": Case(options=("--model", ""), says=("Unknown model ''",)),
    "unparsable deadline": Case(options=("--deadline", "soon"), says=("'soon' is not understood", "45m")),
    "setting that is no number": Case(
        variables={"THROUGHLINE_BATCH_POLL_S": "often"}, says=("THROUGHLINE_BATCH_POLL_S is not usable",)
    ),
    "setting with a slip in its name": Case(
        variables={"THROUGHLINE_DAILY_BUDGET": "5"},
        says=("THROUGHLINE_DAILY_BUDGET is no setting. Did you mean THROUGHLINE_DAILY_BUDGET_USD?", ".env.example"),
    ),
    "setting in .env with a slip in its name": Case(
        prepare=lambda folder: (folder / ".env").write_text("THROUGHLINE_EFORT=low\n"),
        says=("THROUGHLINE_EFORT is no setting. Did you mean THROUGHLINE_EFFORT?",),
    ),
    "setting of a name like no other": Case(
        variables={"THROUGHLINE_XYZZY": "1"}, says=("THROUGHLINE_XYZZY is no setting. All of them are in",)
    ),
    "lease too short to be renewed": Case(
        variables={"THROUGHLINE_LEASE_S": "1e-300"}, says=("THROUGHLINE_LEASE_S is not usable",)
    ),
    **{
        f"{name} beyond all dates": Case(variables={name: "inf"}, says=(f"{name} is not usable", "less than or equal"))
        for name in (
            "THROUGHLINE_LEASE_S",
            "THROUGHLINE_BATCH_SETTLE_S",
            "THROUGHLINE_BATCH_OVERDUE_H",
            "THROUGHLINE_REVIEW_EXPIRES_H",
        )
    },
    "settings in another encoding": Case(
        prepare=lambda folder: (folder / ".env").write_text("THROUGHLINE_EFFORT=low\n", encoding="utf-16"),
        says=("The file .env is not UTF-8 (it stops at byte 0). Save it as UTF-8.",),
    ),
    "unlisted model in the wrong form": Case(
        variables={"THROUGHLINE_UNLISTED_MODEL": "llama"}, says=("THROUGHLINE_UNLISTED_MODEL must be five words",)
    ),
    **{
        f"unlisted model with {window} tokens": Case(
            variables={"THROUGHLINE_UNLISTED_MODEL": f"llama {window} 1 1"},
            options=("--model", "llama"),
            says=("THROUGHLINE_UNLISTED_MODEL must be five words",),
        )
        for window in ("0 8192", "131072 0", "-1 8192", "131072 -1")
    },
    "empty key": Case(
        variables={"ANTHROPIC_API_KEY": ""}, says=("no API key", "ANTHROPIC_API_KEY", "--simulate", "Nothing was sent")
    ),
    "blank key": Case(variables={"ANTHROPIC_API_KEY": " \t "}, says=("no API key", "ANTHROPIC_API_KEY")),
    "key with a line break": Case(
        variables={"ANTHROPIC_API_KEY": "sim-a\nb"}, says=("ANTHROPIC_API_KEY is not usable: it holds a line break",)
    ),
    "address without a scheme": Case(
        variables={"ANTHROPIC_BASE_URL": "nonsense"},
        says=("ANTHROPIC_BASE_URL is not usable: it is no address like https://api.anthropic.com.",),
    ),
    "address without a host": Case(
        variables={"ANTHROPIC_BASE_URL": "http://"}, says=("ANTHROPIC_BASE_URL is not usable",)
    ),
    "address with a port that is no number": Case(
        variables={"ANTHROPIC_BASE_URL": "http://127.0.0.1:x"}, says=("ANTHROPIC_BASE_URL is not usable",)
    ),
    **{
        f"ledger in memory, {url}": Case(
            variables={"THROUGHLINE_DATABASE_URL": url},
            says=("THROUGHLINE_DATABASE_URL keeps the ledger in memory only", "Name a file: sqlite:///FILE."),
        )
        for url in (
            "sqlite://",
            "sqlite:///",
            "sqlite:///:memory:",
            "sqlite:///file::memory:?uri=true",
            "sqlite:///file:x?mode=memory&uri=true",
        )
    },
    "database of another kind": Case(
        variables={"THROUGHLINE_DATABASE_URL": "mysql://host/db"}, says=("THROUGHLINE_DATABASE_URL", "postgresql://")
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_bad_request_is_refused_before_anything_is_sent(with_key: Shell, simulator: Simulator, case: Case):
    (with_key.folder / "notes.md").write_bytes(case.file)
    case.prepare(with_key.folder)
    kind = () if "--kind" in case.options else ("--kind", "summary")
    ended = with_key.throughline("run", case.source, *kind, *case.options, **case.variables)
    assert_refused(ended, *case.says)
    assert with_key.job_rows() == 0
    assert simulator.requests() == []


def test_spaces_around_a_key_and_an_address_are_not_sent(with_key: Shell, simulator: Simulator):
    (with_key.folder / "notes.md").write_text(NOTES)
    variables = {name: f" {with_key.variables[name]} " for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")}
    ended = with_key.throughline("plan", "notes.md", "--kind", "summary", **variables)
    assert ended.code == 0, ended.stderr
    assert simulator.requests() != []


@pytest.mark.parametrize("command", ["run", "plan", "submit"])
def test_options_that_are_refused_leave_no_file_behind(shell: Shell, command: str):
    (shell.folder / "notes.md").write_text(NOTES)
    ended = shell.throughline(command, "notes.md", "--kind", "summary", "--simulate", "--budget-usd", "-1")
    assert_refused(ended, "budget")
    assert [file.name for file in shell.folder.iterdir()] == ["notes.md"]


def test_without_a_key_and_without_simulate_nothing_is_sent(shell: Shell):
    (shell.folder / "notes.md").write_text(NOTES)
    ended = shell.throughline_anew("run", "notes.md", "--kind", "summary")
    assert_refused(ended, "no API key", "ANTHROPIC_API_KEY", "--simulate", "Nothing was sent")
    assert shell.job_rows() == 0


def test_a_wrong_key_is_refused_before_a_job_exists(with_key: Shell, simulator: Simulator):
    (with_key.folder / "notes.md").write_text(NOTES)
    ended = with_key.throughline("run", "notes.md", "--kind", "summary", ANTHROPIC_API_KEY="bad")
    assert_refused(ended, "refused the key", "ANTHROPIC_API_KEY")
    assert with_key.job_rows() == 0
    assert simulator.requests("POST") == []


def test_an_address_where_nothing_listens_is_refused_within_seconds(shell: Shell):
    (shell.folder / "notes.md").write_text(NOTES)
    variables = {
        "ANTHROPIC_API_KEY": "sk-ant-unused",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "THROUGHLINE_API_FIRST_WAIT_S": "0",
    }
    ended = shell.throughline("run", "notes.md", "--kind", "summary", **variables)
    assert_refused(ended, "127.0.0.1:9 cannot be reached", "attempts failed. Check ANTHROPIC_BASE_URL")
    assert "sk-ant-unused" not in ended.stderr
    assert shell.job_rows() == 0


def test_a_stand_in_that_cannot_keep_its_file_is_refused_in_one_sentence(shell: Shell):
    (shell.folder / "notes.md").write_text(NOTES)
    file = shell.folder / ".throughline" / "simulator.db"
    file.mkdir(parents=True)
    ended = shell.throughline("plan", "notes.md", "--kind", "summary", "--simulate")
    assert_refused(ended, "simulator.db cannot be written: Is a directory.", "Run from a folder of yours")


def test_serve_keeps_the_stand_ins_file_beside_a_ledger_in_the_home_folder(shell: Shell):
    file = shell.folder / "ledgers" / "simulator.db"
    file.mkdir(parents=True)
    at_home = {"THROUGHLINE_DATABASE_URL": "sqlite:///~/ledgers/mine.db"}
    assert_refused(shell.throughline_anew("serve", "--simulate", **at_home), f"{file} cannot be written")


def test_settings_that_are_not_usable_are_not_deployed(shell: Shell):
    away = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    assert_refused(shell.throughline_anew("deploy", THROUGHLINE_BATCH_POLL_S="often", **away), "_BATCH_POLL_S is not")
    (shell.folder / ".env").write_text("THROUGHLINE_EFFORT=low\n", encoding="utf-16")
    assert_refused(shell.throughline_anew("deploy", **away), "The file .env is not UTF-8")


def test_an_old_database_is_refused_with_the_command_that_upgrades_it(shell: Shell):
    shell.with_ledger()
    file = shell.folder / ".throughline" / "throughline.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    assert_refused(shell.throughline("list"), "is at version 0000", "throughline db upgrade")


READING = {
    "list": ("list",),
    "show": ("show", "01"),
    "export": ("export", "01", "-o", "output.md"),
    "report": ("report",),
    "audit": ("audit",),
    "calibrate": ("calibrate",),
    "compare": ("compare",),
    "compare of a job": ("compare", "01"),
    "inbox": ("inbox",),
    "review": ("review", "--port", "0"),
    "decide": ("decide", "01", "reject"),
    "resume": ("resume", "01", "--simulate"),
    "cancel": ("cancel", "01"),
}


@pytest.mark.parametrize("arguments", READING.values(), ids=READING.keys())
def test_a_command_about_what_is_there_makes_no_ledger(shell: Shell, arguments: tuple[str, ...]):
    mistyped = {"THROUGHLINE_DATABASE_URL": "sqlite:///nosuch/typo.db"}
    assert_refused(
        shell.throughline(*arguments, **mistyped), "no ledger at nosuch/typo.db", "throughline run", "DATABASE_URL"
    )
    assert list(shell.folder.iterdir()) == []


def test_an_address_that_is_no_prefect_server_begins_no_job(with_key: Shell, simulator: Simulator):
    (with_key.folder / "notes.md").write_text(NOTES)
    ended = with_key.throughline("run", "notes.md", "--kind", "summary", PREFECT_API_URL=f"{simulator.url}/api")
    assert_refused(ended, f"No Prefect server answers at {simulator.url}/api: the status is 404.", "ends in /api.")
    assert with_key.job_rows() == 0


def test_resume_needs_the_prefect_server_that_is_to_show_it(with_key: Shell, simulator: Simulator):
    (with_key.folder / "notes.md").write_text(NOTES)
    job = with_key.throughline("submit", "notes.md", "--kind", "summary", "--json").object["job_id"]
    ended = with_key.throughline("resume", job, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert_refused(ended, "The Prefect server at http://127.0.0.1:9/api cannot be reached")
    assert simulator.requests("POST") == []


def test_a_command_that_does_not_exist_is_refused(shell: Shell):
    assert_refused(shell.throughline("rum"), "'rum'", "--help")


def test_files_in_utf_8_and_utf_16_with_a_byte_order_mark_are_read(shell: Shell):
    (shell.folder / "eight.md").write_text(NOTES, encoding="utf-8-sig")
    (shell.folder / "sixteen.md").write_text(NOTES, encoding="utf-16")
    ended = shell.throughline("plan", "eight.md", "sixteen.md", "--kind", "summary", "--json")
    assert (ended.code, ended.stderr) == (0, "")
    corpus = ended.object["plan"]["corpus"]
    assert (corpus["sources"], corpus["characters"]) == (2, 2 * len(NOTES))


@pytest.mark.parametrize("command", ["run", "plan", "submit"])
def test_a_source_that_is_not_there_leaves_neither_ledger_nor_simulator_behind(shell: Shell, command: str):
    ended = shell.throughline(command, "nowhere.md", "--kind", "summary", "--simulate")
    assert ended.code == 2
    assert "nowhere.md does not exist" in ended.stderr
    assert list(shell.folder.iterdir()) == []
