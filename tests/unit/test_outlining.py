"""Units follow the sources' own structure and cover every character exactly once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.outline import Outline
from throughline.domain.outlining import code_review_outline, summary_outline
from throughline.domain.source import Format, Source

REFERENCE = Source(name="reference.txt", format=Format.RST, text="".join(topics.values()))
ASYNCIO = tuple(
    Source(name=f"asyncio/{path.name}", format=Format.CODE, text=path.read_text(encoding="utf-8"))
    for path in sorted(Path(asyncio.__file__).parent.glob("*.py"))
)


def tokens(text: str) -> int:
    return len(text) // 4 + 1


def document(text: str, name: str = "document", kind: Format = Format.MARKDOWN) -> Source:
    return Source(name=name, format=kind, text=text)


def module(name: str, characters: int) -> Source:
    line = "x = 1  # a line\n"
    return document(line * (characters // len(line)), name, Format.CODE)


def headings(outline: Outline) -> list[str]:
    return [unit.heading for unit in outline.units]


def sizes(outline: Outline) -> list[int]:
    return [sum(span.end - span.start for span in unit.spans) for unit in outline.units]


def assert_covered_once(outline: Outline, sources: tuple[Source, ...]):
    spans = [span for unit in outline.units for span in unit.spans]
    for source in sources:
        own = [(span.start, span.end) for span in spans if span.source == source.name]
        assert [start for start, _ in own] == [0, *(end for _, end in own[:-1])]
        assert own[-1][1] == len(source.text)
        assert all(start < end for start, end in own)
    assert {span.source for span in spans} == {source.name for source in sources}


PATCH = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n@@ -9 +9 @@\n-a\n+b\n"
texts = st.lists(
    st.sampled_from(["# A\n", "## B\n", "text\n", "\n", "def f(): ...\n", "word " * 30, "\n\n", "<h2>C</h2>"]),
    min_size=1,
    max_size=40,
).map("".join)
patches = st.lists(st.sampled_from(["a.py", "b/c.py", "b/d.py"]), min_size=1, max_size=8).map(
    lambda names: "".join(PATCH.format(name) for name in names)
)
kinds = st.sampled_from([kind for kind in Format if kind is not Format.DIFF])
source_sets = st.lists(st.tuples(texts, kinds) | st.tuples(patches, st.just(Format.DIFF)), min_size=1, max_size=4).map(
    lambda drawn: tuple(document(text, f"d{n}.py", kind) for n, (text, kind) in enumerate(drawn))
)


@settings(max_examples=40)
@given(
    sources=source_sets,
    tokens_per_unit=st.integers(1, 200),
    make=st.sampled_from([summary_outline, code_review_outline]),
)
def test_every_character_of_every_source_is_in_exactly_one_unit(
    sources: tuple[Source, ...], tokens_per_unit: int, make: Callable[..., Outline]
):
    outline = make(sources, tokens_per_unit, tokens)
    assert_covered_once(outline, sources)
    assert len(set(outline.unit_ids)) == len(outline.units)
    for unit in outline.units:
        assert 0 < len(unit.heading) <= 100
        assert "\n" not in unit.heading
    assert len(set(headings(outline))) == len(outline.units)


def test_units_are_numbered_in_order():
    outline = summary_outline((REFERENCE,), 2_000, tokens)
    assert outline.unit_ids[:2] == ("u001", "u002")


# --- summaries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens_per_unit", [800, 3_000, 20_000])
def test_the_language_reference_makes_units_of_about_the_size_asked_for(tokens_per_unit: int):
    outline = summary_outline((REFERENCE,), tokens_per_unit, tokens)
    assert_covered_once(outline, (REFERENCE,))
    assert max(sizes(outline)) <= 1.5 * 4 * tokens_per_unit
    assert len(outline.units) < 2 * tokens(REFERENCE.text) / tokens_per_unit + 1


def test_small_sections_are_merged_and_their_headings_named():
    text = "".join(f"# {name}\n\n{'word ' * 10}\n\n" for name in "ABCDE")
    assert headings(summary_outline((document(text),), 32, tokens)) == ["A, B", "C, D", "E"]
    assert headings(summary_outline((document(text),), 1_000, tokens)) == ["A ... E"]


def test_a_unit_begins_at_the_higher_heading_rather_than_being_filled():
    section = "word " * 30 + "\n\n"
    text = f"# A\n\n{section}## A1\n\n{section}# B\n\n{section}## B1\n\n{section}"
    assert headings(summary_outline((document(text),), 130, tokens)) == ["A", "B"]


def test_a_heading_below_another_of_its_unit_is_not_named():
    text = "# A\n\ntext\n\n## A1\n\ntext\n\n# B\n\ntext\n"
    assert headings(summary_outline((document(text),), 1_000, tokens)) == ["A, B"]


def test_a_large_section_is_cut_into_numbered_parts():
    text = "# A\n\n" + "A sentence of some words. " * 40 + "\n\n# B\n\ntext\n"
    outline = summary_outline((document(text),), 100, tokens)
    assert headings(outline) == ["A (1 of 3)", "A (2 of 3)", "A (3 of 3), B"]
    assert max(sizes(outline)) <= 400


def test_a_section_a_little_too_large_stays_whole():
    text = "# A\n\n" + "word " * 100 + "\n\n# B\n\n" + "word " * 100
    assert headings(summary_outline((document(text),), 100, tokens)) == ["A", "B"]


def test_a_crumb_joins_its_neighbour_rather_than_being_a_unit():
    text = "# A\n\n## A1\n\n" + "word " * 100
    assert headings(summary_outline((document(text),), 100, tokens)) == ["A"]


def test_long_headings_are_shortened_on_one_line():
    first, last = "An introduction that never ends " * 5, "The conclusion of it all " * 6
    text = f"# {first}\n\ntext\n\n# {last}\n\ntext\n"
    (heading,) = headings(summary_outline((document(text),), 1_000, tokens))
    assert heading.startswith("An introduction that")
    assert " ... The conclusion" in heading
    assert len(heading) <= 100


def test_a_heading_that_comes_again_is_told_apart_by_the_one_above_it():
    section = "word " * 100 + "\n\n"
    text = f"# 1.0\n\n## Fixes\n\n{section}# 1.1\n\n## News\n\n{section}## Fixes\n\n{section}"
    outline = summary_outline((document(text),), 130, tokens)
    assert headings(outline) == ["1.0", "1.1", "1.1: Fixes"]


def test_the_parts_of_a_section_whose_heading_comes_again_say_where_they_are():
    section = "A sentence of some words. " * 40
    text = f"# 1.0\n\ntext\n\n## Fixes\n\n{section}\n\n# 1.1\n\n## Fixes\n\ntext\n"
    found = headings(summary_outline((document(text),), 100, tokens))
    assert found[1:3] == ["1.0: Fixes (2 of 3)", "1.0: Fixes (3 of 3), 1.1"]


def test_headings_alike_in_several_documents_carry_the_name_of_theirs():
    text = "# Usage\n\n" + "word " * 100
    sources = tuple(document(text, f"{name}.md") for name in "ab")
    assert headings(summary_outline(sources, 100, tokens)) == ["a.md: Usage", "b.md: Usage"]


def test_headings_that_nothing_tells_apart_are_counted():
    text = ("# Usage\n\n" + "word " * 100 + "\n\n") * 2
    assert headings(summary_outline((document(text),), 100, tokens)) == ["Usage [1]", "Usage [2]"]


def test_a_heading_that_a_unit_holds_twice_is_named_once():
    assert headings(summary_outline((document("# A\n\ntext\n\n" * 5),), 1_000, tokens)) == ["A"]


def test_a_unit_that_is_a_part_of_a_source_says_with_which_words_it_begins():
    text = "# A\n\n" + "word " * 100 + "\n\n# B\n\nThe ferry\n  leaves. " + "word " * 100
    outline = summary_outline((document(text),), 100, tokens)
    assert [unit.begins for unit in outline.units] == [
        "# A" + " word" * 15 + "…",
        "# B The ferry leaves." + " word" * 11 + "…",
    ]


def test_a_unit_that_is_whole_sources_is_found_by_their_names():
    sources = tuple(document("# Usage\n\n" + "word " * 100, f"{name}.md") for name in "ab")
    assert [unit.begins for unit in summary_outline(sources, 100, tokens).units] == ["", ""]


def test_a_summary_of_code_names_the_file_of_each_unit():
    text = "class A:\n" + "    x = 1\n" * 60 + "\n\nclass B:\n" + "    x = 1\n" * 60
    sources = (document(text, "pkg/a.py", Format.CODE), document("[" + "1," * 600, "b.json", Format.CODE))
    outline = summary_outline(sources, 150, tokens)
    assert headings(outline) == ["pkg/a.py: A", "pkg/a.py: B", *(f"b.json: top of file ({n} of 3)" for n in (1, 2, 3))]


def test_a_summary_of_tiny_code_files_lets_them_share_across_folders():
    sources = (module("a/x.py", 160), module("b/z.py", 160))
    assert headings(summary_outline(sources, 1_000, tokens)) == ["a/x.py, b/z.py"]


def test_small_documents_share_a_unit_and_large_ones_do_not():
    small = [document(f"# Note {n}\n\ntext\n", f"{n}.md") for n in range(3)]
    large = document("# Report\n\n" + "word " * 200, "report.md")
    outline = summary_outline((*small, large), 300, tokens)
    assert headings(outline) == ["Note 0, Note 1, Note 2", "Report"]
    assert [span.source for span in outline.units[0].spans] == ["0.md", "1.md", "2.md"]


# --- code reviews -----------------------------------------------------------------------------------


def test_a_real_package_makes_a_unit_a_file_in_the_order_given():
    outline = code_review_outline(ASYNCIO, 100_000, lambda text: 20_000)
    assert headings(outline) == [source.name for source in ASYNCIO]
    assert_covered_once(outline, ASYNCIO)


def test_large_files_of_a_real_package_are_cut_at_their_definitions():
    outline = code_review_outline(ASYNCIO, 4_000, tokens)
    assert_covered_once(outline, ASYNCIO)
    assert "asyncio/queues.py" in headings(outline)
    assert any(heading.startswith("asyncio/events.py: top of file ... ") for heading in headings(outline))
    assert "asyncio/base_events.py: BaseEventLoop (2 of 5)" in headings(outline)
    assert max(sizes(outline)) <= 1.5 * 4 * 4_000


def test_tiny_files_of_one_directory_share_units():
    sources = tuple(module(f"pkg/{n:03}.py", 160) for n in range(200))
    outline = code_review_outline(sources, 1_000, tokens)
    assert_covered_once(outline, sources)
    assert len(headings(outline)) <= 10
    assert headings(outline)[0].startswith("pkg/000.py ... pkg/0")


def test_tiny_files_of_different_directories_do_not_share():
    sources = (module("a/x.py", 160), module("a/y.py", 160), module("b/z.py", 160))
    assert headings(code_review_outline(sources, 1_000, tokens)) == ["a/x.py, a/y.py", "b/z.py"]


def test_a_larger_file_between_tiny_ones_keeps_the_order():
    sources = (module("a/x.py", 160), module("a/y.py", 3_200), module("a/z.py", 160))
    assert headings(code_review_outline(sources, 1_000, tokens)) == ["a/x.py", "a/y.py", "a/z.py"]


def test_a_diff_makes_a_unit_a_changed_file():
    patch = "".join(PATCH.format(name) for name in ("src/a.py", "src/b.py", "docs/c.md"))
    source = document(patch, "change.diff", Format.DIFF)
    assert headings(code_review_outline((source,), 25, tokens)) == ["src/a.py", "src/b.py", "docs/c.md"]


def test_tiny_files_of_a_diff_share_and_their_spans_join():
    patch = "".join(PATCH.format(name) for name in ("src/a.py", "src/b.py", "docs/c.md"))
    source = document(patch, "change.diff", Format.DIFF)
    outline = code_review_outline((source,), 1_000, tokens)
    assert headings(outline) == ["src/a.py, src/b.py", "docs/c.md"]
    assert len(outline.units[0].spans) == 1


def test_a_large_file_of_a_diff_is_cut_at_its_hunks():
    patch = "--- a/x.py\n+++ b/x.py\n" + "".join(
        f"@@ -{line} +{line} @@\n-{'a' * 100}\n+{'b' * 100}\n" for line in range(1, 500, 100)
    )
    outline = code_review_outline((document(patch, "change.diff", Format.DIFF),), 120, tokens)
    assert headings(outline) == ["x.py: line 1, line 101", "x.py: line 201, line 301", "x.py: line 401"]


def test_a_long_path_keeps_its_end():
    source = module("deep/" * 30 + "name.py", 4_000)
    first = code_review_outline((source,), 100, tokens).units[0].heading
    assert first.startswith("…")
    assert "/name.py: top of file (1 of" in first
    assert len(first) <= 100


def test_a_long_name_in_a_long_path_is_shortened():
    text = "class " + "A" * 90 + ":\n" + "    x = 1\n" * 10 + "\n\nclass B:\n" + "    x = 1\n" * 20
    source = document(text, "deep/" * 10 + "name.py", Format.CODE)
    first = code_review_outline((source,), 50, tokens).units[0].heading
    assert first == f"…{('deep/' * 10 + 'name.py')[-49:]}: {'A' * 47}…"


def test_a_summary_of_a_diff_follows_its_files():
    patch = "".join(PATCH.format(name) for name in ("src/a.py", "docs/c.md"))
    source = document(patch, "change.diff", Format.DIFF)
    assert headings(summary_outline((source,), 1_000, tokens)) == ["src/a.py, docs/c.md"]
