"""What somebody may have meant who typed a word that is not on the list."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """A question that follows the sentence which refuses the word; empty where nothing on the list is close."""
    nearest = get_close_matches(typed.lower(), list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
