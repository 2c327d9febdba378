"""Quotes of five classes planted side by side in one output: what of them the citation check flags, and as what.

The verbatim ones must pass, so they are the negatives; every other class must be flagged. Precision and recall are
those of flagging. Everything is real text: invented quotes are true sentences of modules that are no source here.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.defects.clean import Clean, summary
from tests.defects.in_quotes import negated
from tests.defects.planting import other_digit, replaced
from tests.defects.real_text import Text, real_texts
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material
from throughline.domain.checks.table import CHECKS
from throughline.domain.output import Citation, Unit

PER_CLASS = 40
_SOURCES = 60
_STRANGERS = 40
_UNITS = 400
VERBATIM = "verbatim"
Change = Callable[[str, random.Random], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteScore:
    """One class: how many were planted and flagged, and under which status and mark."""

    planted: int
    flagged: int
    statuses: Mapping[str, int]
    marked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteTable:
    """All classes of one output."""

    classes: Mapping[str, QuoteScore]

    @property
    def recall(self) -> float:
        """Flagged defects of all defects."""
        wrong = self._wrong
        return sum(score.flagged for score in wrong) / sum(score.planted for score in wrong)

    @property
    def precision(self) -> float:
        """Flagged defects of all that was flagged."""
        right = sum(score.flagged for score in self._wrong)
        return right / (right + self.classes[VERBATIM].flagged)

    @property
    def _wrong(self) -> list[QuoteScore]:
        return [score for name, score in self.classes.items() if name != VERBATIM]


def _digit_changed(quote: str, chance: random.Random) -> str | None:
    digits = list(re.finditer(r"\d", quote))
    return replaced(quote, digit := chance.choice(digits), other_digit(digit[0], chance)) if digits else None


_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]{3,}|[A-Z]{3,}|[a-z]+_[a-z_]+[a-z]|[A-Z][a-z]+[A-Z]\w+)(?=[ ,.])")
_NAMES = ("PyPy", "Jython", "OpenVMS", "Solaris", "Erlang", "Fortran", "Haskell", "read_everything", "QueueKeeper")


def _name_swapped(quote: str, chance: random.Random) -> str | None:
    names = list(_NAME.finditer(quote))
    if not names:
        return None
    name = chance.choice(names)
    return replaced(quote, name, chance.choice([other for other in _NAMES if other != name[0]]))


# The scarcest first: few sentences have a digit, fewer than that a name inside.
_CHANGES: Mapping[str, tuple[Change, str]] = {
    "one digit changed": (_digit_changed, "digits"),
    "name swapped": (_name_swapped, "name"),
    "negated": (negated, "negation"),
}
INVENTED = "invented"


def quote_table(seed: int = 0, per_class: int = PER_CLASS) -> QuoteTable:
    """Plant so many quotes of each class in one output, check it once, and count."""
    texts = real_texts(_SOURCES + _STRANGERS)
    code = [text for text in texts if not text.source.name.endswith(".rst")]
    strangers = code[_SOURCES:]
    own = [text for text in texts if text not in strangers]
    clean = summary(own, Corpus(text.source for text in own), seed, _UNITS)
    chance = random.Random(seed)
    planted = dict(_planted(clean, strangers, chance, per_class))
    return _counted(clean, planted)


_Place = tuple[str, int]


def _planted(
    clean: Clean, strangers: Sequence[Text], chance: random.Random, per_class: int
) -> Iterator[tuple[_Place, tuple[str, Citation]]]:
    """Where each planted quote stands, its class, and the quote. All other quotes are left out of the output."""
    free = [((unit.unit_id, at), quote) for unit in clean.output.ordered for at, quote in enumerate(unit.citations)]
    chance.shuffle(free)
    for name, (change, _) in _CHANGES.items():
        found = 0
        for place in list(free):
            if found < per_class and (new := change(place[1].quote, chance)) is not None and not clean.says(new):
                found += 1
                free.remove(place)
                yield place[0], (name, place[1].model_copy(update={"quote": new}))
    invented = [sentence for text in strangers for sentence in text.sentences if not clean.says(sentence)]
    for sentence in chance.sample(invented, per_class):
        place, quote = free.pop()
        yield place, (INVENTED, quote.model_copy(update={"quote": sentence}))
    for place, quote in free[:per_class]:
        yield place, (VERBATIM, quote)


def _counted(clean: Clean, planted: Mapping[_Place, tuple[str, Citation]]) -> QuoteTable:
    units = {unit.unit_id: _with_only(unit, planted) for unit in clean.output.ordered}
    material = Material(replace(clean.output, units=units), clean.corpus)
    findings = {(f.where, f.part): f for f in CHECKS["citations"](material).findings}
    order = {where: iter(sorted(at for w, at in planted if w == where)) for where in units}
    planted_counts: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    statuses: dict[str, Counter[str]] = {}
    for quote in material.quotes:
        name, _ = planted[quote.where, next(order[quote.where])]
        planted_counts[name] += 1
        statuses.setdefault(name, Counter())[str(quote.checked.status)] += 1
        finding = findings.get((quote.where, quote.part))
        flagged[name] += finding is not None
        marks = {mark for change in finding.diff for mark in change.marks} if finding else set[str]()
        marked[name] += name in _CHANGES and _CHANGES[name][1] in marks
    return QuoteTable(
        classes={
            name: QuoteScore(
                planted=planted_counts[name], flagged=flagged[name], statuses=statuses[name], marked=marked[name]
            )
            for name in (VERBATIM, *_CHANGES, INVENTED)
        }
    )


def _with_only(unit: Unit, planted: Mapping[_Place, tuple[str, Citation]]) -> Unit:
    mine = sorted(
        ((at, quote) for (where, at), (_, quote) in planted.items() if where == unit.unit_id),
        key=lambda found: found[0],
    )
    return unit.model_copy(update={"citations": [quote for _, quote in mine]})
