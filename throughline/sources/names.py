"""What documents are called: names that can be printed, stored and told apart.

A file's name is bytes; it need not be UTF-8, and may hold line ends and terminal commands.
"""

_LONGEST_SHOWN = 200


def printable(name: str) -> str:
    """The name with every character that is not printable written out, as in "\\xff.md"."""
    if name.isprintable():
        return name
    # Bytes that are not UTF-8 arrive as lone surrogates.
    decoded = name.encode("utf-8", "surrogateescape" if _came_from_bytes(name) else "backslashreplace")
    text = decoded.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _came_from_bytes(name: str) -> bool:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def shown(text: object) -> str:
    """What a person typed, or a library's complaint, fit to stand in one line of an error."""
    words = printable(" ".join(str(text).split()))
    return words if len(words) <= _LONGEST_SHOWN else words[: _LONGEST_SHOWN - 1] + "…"


class Names:
    """Gives every document of a job a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """The wanted name made printable, numbered when another document has it."""
        base = printable(wanted)
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base} ({number})"
        self._taken.add(name)
        return name
