"""Every class of defect: what plants it, in what, and which checks must find it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.defects.clean import Clean
from tests.defects.in_bodies import (
    contradiction,
    flipped_negation_in_body,
    foreign_figure,
    invented_name,
    off_by_one_in_table,
    renamed_term_spelling,
    renamed_term_word,
    swapped_digit_in_body,
    wrong_unit,
)
from tests.defects.in_quotes import (
    flipped_negation_in_quote,
    merged_quotes,
    moved_quote,
    quote_from_wrong_source,
    swapped_digit_in_quote,
)
from tests.defects.in_structure import (
    dangling_reference,
    duplicated_unit,
    empty_unit,
    filler,
    lost_evidence,
    swapped_heading,
    swapped_units,
    truncated_end,
    wrong_line_range,
    wrong_path,
)
from tests.defects.planting import Planted
from throughline.domain.output import Unit

Plant = Callable[[Unit, Clean, random.Random], Planted | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectClass:
    """A kind of defect: how it is planted, in which outputs, and which checks are to find it.

    `mechanical` defects can be told from the text alone; of the others a machine only sees signs.
    """

    plant: Plant
    checks: tuple[str, ...]
    material: str = "summary"
    mechanical: bool = True
    share: float = 0.5


CLASSES: dict[str, DefectClass] = {
    "swapped digit in a quote": DefectClass(plant=swapped_digit_in_quote, checks=("citations",)),
    "flipped negation in a quote": DefectClass(plant=flipped_negation_in_quote, checks=("citations",)),
    "merged quotes": DefectClass(plant=merged_quotes, checks=("citations",)),
    "quote from the wrong source": DefectClass(plant=quote_from_wrong_source, checks=("citations",)),
    "moved quote": DefectClass(plant=moved_quote, checks=("evidence",)),
    "unit without evidence": DefectClass(plant=lost_evidence, checks=("evidence",)),
    "swapped digit in a body": DefectClass(plant=swapped_digit_in_body, checks=("figures", "near_copies")),
    "flipped negation in a body": DefectClass(plant=flipped_negation_in_body, checks=("near_copies",)),
    "wrong unit of measure": DefectClass(plant=wrong_unit, checks=("figures", "near_copies")),
    "off-by-one figure in a table": DefectClass(plant=off_by_one_in_table, checks=("figures",), material="tables"),
    "invented name": DefectClass(plant=invented_name, checks=("names",)),
    "foreign figure": DefectClass(plant=foreign_figure, checks=("figures",)),
    "swapped units": DefectClass(plant=swapped_units, checks=("evidence",)),
    "swapped headings": DefectClass(plant=swapped_heading, checks=("headings",)),
    "empty unit": DefectClass(plant=empty_unit, checks=("completeness",)),
    "duplicated unit": DefectClass(plant=duplicated_unit, checks=("repetition",)),
    "truncated end": DefectClass(plant=truncated_end, checks=("endings",)),
    "filler": DefectClass(plant=filler, checks=("fillers",)),
    "dangling reference": DefectClass(plant=dangling_reference, checks=("headings",)),
    "wrong line range": DefectClass(plant=wrong_line_range, checks=("code_locations",), material="review"),
    "wrong path": DefectClass(plant=wrong_path, checks=("code_locations",), material="review"),
    "contradiction between units": DefectClass(plant=contradiction, checks=("contradictions",), mechanical=False),
    "renamed term, spelled otherwise": DefectClass(
        plant=renamed_term_spelling, checks=("terms",), mechanical=False, share=0.2
    ),
    "renamed term, another word": DefectClass(plant=renamed_term_word, checks=("terms",), mechanical=False, share=0.2),
}
DROPPED = "dropped unit"
