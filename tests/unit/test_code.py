"""Code is cut at definitions and diffs at files, losing nothing."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.code import definitions, diff_files, hunks
from throughline.domain.source import Format, Source
from throughline.errors import BadInput

ASYNCIO = sorted(Path(asyncio.__file__).parent.glob("*.py"))


def code(text: str, name: str = "module.py") -> Source:
    return Source(name=name, format=Format.CODE, text=text)


def diff(text: str) -> Source:
    return Source(name="change.diff", format=Format.DIFF, text=text)


def names(source: Source) -> list[str]:
    found = definitions(source)
    assert "".join(source.text[section.start : section.end] for section in found) == source.text
    return [section.heading for section in found]


def paths(text: str) -> list[str]:
    found = diff_files(diff(text))
    assert "".join(text[section.start : section.end] for section in found) == text
    return [section.heading for section in found]


# --- definitions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ASYNCIO[::6], ids=lambda path: path.name)
def test_real_modules_are_cut_without_loss(path: Path):
    assert names(code(path.read_text(encoding="utf-8")))


def test_python_is_cut_at_top_level_definitions():
    text = "import os\n\n\nclass A:\n    def method(self): ...\n\n\nasync def b(): ...\n\nX = 1\n\ndef c(): ...\n"
    assert names(code(text)) == ["top of file", "A", "b", "c"]


def test_decorators_and_the_comment_above_belong_to_the_definition():
    text = "import os\n\n# About f.\n# More.\n@decorate(\n    1,\n)\ndef f(): ...\n"
    start = definitions(code(text))[1].start
    assert start == text.index("# About")


def test_a_module_that_begins_with_a_comment_and_a_definition_is_one_section():
    assert names(code("# About f.\ndef f(): ...\n")) == ["f"]


def test_doubtful_escapes_in_reviewed_code_raise_no_warning():
    assert names(code('def f():\n    return "\\d"\n')) == ["f"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def f(:\n\ndef g(): ...\n", id="syntax-error"),
        pytest.param("def f():\n  x = '\0'\n\ndef g(): ...\n", id="nul"),
        pytest.param("x = " + "(" * 5_000 + "\n\ndef g(): ...\n", id="nested-too-deep"),
    ],
)
def test_python_that_does_not_parse_is_cut_by_its_layout(text: str):
    assert names(code(text))[-1] == "def g(): ..."


def test_other_languages_are_cut_where_a_line_at_the_margin_follows_a_blank_one():
    text = (
        "package main\n\n// Serve answers.\n/* more */\nfunc Serve() {\n\n\tx()\n\n}\n\n"
        "type T struct {\n}\n\n# only a comment\n"
    )
    assert names(code(text, "main.go")) == [
        "top of file",
        "func Serve()",
        "type T struct",
        "# only a comment",
    ]


@settings(max_examples=50)
@given(st.text(st.sampled_from(list("ab #\n\n\n()}{/@:")), max_size=200), st.sampled_from(["a.py", "a.js"]))
def test_definitions_lose_nothing(text: str, name: str):
    found = definitions(code(text, name))
    assert "".join(text[section.start : section.end] for section in found) == text


# --- diffs ------------------------------------------------------------------------------------------

GIT_DIFF = """\
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
Subject: [PATCH] Several

diff --git a/src/a.py b/src/a.py
index 83db48f..bf269f4 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,2 +1,2 @@
 same
-old
+new
@@ -10 +10,2 @@ def f():
 same
+--- not a header
diff --git a/old name.py b/new name.py
similarity index 100%
rename from old name.py
rename to new name.py
diff --git a/added.py b/added.py
new file mode 100644
index 0000000..e69de29
--- /dev/null
+++ b/added.py
@@ -0,0 +1 @@
+x
diff --git a/gone.py b/gone.py
deleted file mode 100644
index e69de29..0000000
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/logo.png b/logo.png
index 1..2 100644
Binary files a/logo.png and b/logo.png differ
"""

PLAIN_DIFF = """\
Only in new: z
diff -ru old/one.c new/one.c
--- old/one.c\t2026-01-01 00:00:00
+++ new/one.c\t2026-01-02 00:00:00
@@ -1 +1 @@
-a
+b
\\ No newline at end of file
Index: two.c
===================================================================
--- two.c\t(revision 1)
+++ two.c\t(working copy)
@@ -1 +1 @@
-a
+b
Binary files old/three.png and new/three.png differ
"""


def test_a_git_diff_has_a_section_a_file_renamed_new_deleted_and_binary_ones_too():
    assert paths(GIT_DIFF) == ["src/a.py", "new name.py", "added.py", "gone.py", "logo.png"]


def test_a_plain_diff_has_a_section_a_file_with_the_lines_above_it():
    assert paths(PLAIN_DIFF) == ["new/one.c", "two.c", "new/three.png"]
    second = diff_files(diff(PLAIN_DIFF))[1]
    assert PLAIN_DIFF[second.start :].startswith("Index: two.c")


def test_the_commit_message_belongs_to_the_first_file():
    assert diff_files(diff(GIT_DIFF))[0].start == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n", "shorter", id="cut-off"),
        pytest.param("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n", "shorter", id="cut-off-by-one-line"),
        pytest.param("+++ b/x\n", "Target without source", id="no-source"),
        pytest.param("@@ -1 +1 @@\n-a\n+b\n", "Unexpected hunk", id="no-file"),
        pytest.param("just words\n", "holds no changed file", id="no-diff"),
    ],
)
def test_a_broken_diff_is_refused_in_one_sentence(text: str, words: str):
    with pytest.raises(BadInput) as refusal:
        diff_files(diff(text))
    message = str(refusal.value)
    assert message.startswith("change.diff ")
    assert words in message
    assert "git diff" in message
    assert "\n" not in message


def test_a_file_of_a_diff_is_cut_at_its_hunks_called_by_their_lines():
    source = diff(GIT_DIFF)
    changed = diff_files(source)[0]
    found = hunks(source, changed)
    assert [section.heading for section in found] == ["line 1", "line 10"]
    assert found[0].start == changed.start
    assert GIT_DIFF[found[1].start :].startswith("@@ -10")
    assert found[1].end == changed.end


def test_a_file_without_hunks_is_one_section():
    source = diff(GIT_DIFF)
    (only,) = hunks(source, diff_files(source)[-1])
    assert only.heading == "all changes"


def test_a_path_that_git_quotes_is_called_by_its_own_name():
    text = 'diff --git "a/gr\\303\\274n \\"x\\".txt" "b/gr\\303\\274n \\"x\\".txt"\nnew file mode 100644\n'
    text += '--- /dev/null\n+++ "b/gr\\303\\274n \\"x\\".txt"\n@@ -0,0 +1 @@\n+x\n'
    assert paths(text) == ['grün "x".txt']


def test_a_file_that_is_gone_has_no_line_where_its_change_lands():
    source = diff(GIT_DIFF)
    (only,) = hunks(source, diff_files(source)[3])
    assert only.heading == "deleted"


def test_a_diff_in_the_colours_of_a_terminal_is_refused():
    with pytest.raises(BadInput, match="--no-color"):
        diff_files(diff("\x1b[1mdiff --git a/x b/x\x1b[m\n"))
