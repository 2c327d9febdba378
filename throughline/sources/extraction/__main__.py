"""python -m throughline.sources.extraction pdf|word MAX_BYTES < document > answer.json"""

import contextlib
import json
import logging
import resource
import sys
from dataclasses import asdict

from throughline.sources.extraction.answer import Refused, Text

_MEMORY_BYTES = 3 << 30


def main() -> None:
    """Read the document and answer: its text, or why there is none."""
    logging.disable()
    with contextlib.suppress(ValueError, OSError):  # not every system has such a limit, or a higher one
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    kind, max_bytes = sys.argv[1], int(sys.argv[2])
    sys.stdout.write(json.dumps(asdict(_answer(kind, sys.stdin.buffer.read(), max_bytes))))


def _answer(kind: str, data: bytes, max_bytes: int) -> Text | Refused:
    if kind == "pdf":
        from throughline.sources.extraction import pdf

        return pdf.extract(data, max_bytes)
    from throughline.sources.extraction import word

    return word.extract(data, max_bytes)


main()
