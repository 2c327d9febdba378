"""A page takes the tables of the last chaos where it has a place for them, and nothing else of it changes."""

from tests.chaos.into_docs import replaced

PAGE = "Before.\n<!-- chaos: Faults -->\nold\n<!-- end -->\nBetween.\n<!-- chaos: Other -->\nkept\n<!-- end -->\n"


def test_a_table_takes_the_place_of_the_one_before():
    page = replaced(PAGE, {"Faults": "| new |"})
    assert page.startswith("Before.\n<!-- chaos: Faults -->\n\n| new |\n\n<!-- end -->\nBetween.\n")


def test_a_table_that_was_not_made_leaves_the_one_before():
    assert "<!-- chaos: Other -->\nkept\n<!-- end -->" in replaced(PAGE, {"Faults": "| new |"})
