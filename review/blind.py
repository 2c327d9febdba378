"""Reading blind: an order of both outputs that says nothing, and whether the reviewer knows the paths already.

A reading is blind only while the reviewer has not met an output of the job under its path. The browser remembers that
they did: a cookie for the pages of this one job, named after the reviewer.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from throughline.domain.job import JobId

_REMEMBERED_S = 90 * 24 * 3600


def swapped(job_id: JobId, reviewer: str) -> bool:
    """Whether that reviewer sees the chain on the left: as good as a coin, and the same at every visit."""
    return bool(hashlib.sha256(f"{job_id}\0{reviewer}".encode()).digest()[0] & 1)


def unveil(response: Response, request: Request, job_id: JobId, reviewer: str) -> None:
    """This answer shows the reviewer an output of the job with its path."""
    response.set_cookie(
        _memory(reviewer),
        "1",
        max_age=_REMEMBERED_S,
        path=f"/jobs/{job_id}",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def unveiled(request: Request, reviewer: str) -> bool:
    """Whether the reviewer has seen an output of this job with its path, in this browser."""
    return _memory(reviewer) in request.cookies


def _memory(reviewer: str) -> str:
    return "throughline_seen_" + hashlib.sha256(reviewer.encode("utf-8", "replace")).hexdigest()[:16]
