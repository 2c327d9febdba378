"""What was received, for those who want to look: everything but the key."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

_SECRET_HEADERS = frozenset({"authorization", "x-api-key"})


class RequestLog:
    """Requests in the order of their arrival; `None` bodies were empty or not JSON."""

    def __init__(self, *, is_kept: bool) -> None:
        self._is_kept = is_kept
        self._entries: list[dict[str, Any]] = []

    def add(self, request: Request, body: Any) -> None:
        if not self._is_kept:
            return
        headers = {name: value for name, value in request.headers.items() if name not in _SECRET_HEADERS}
        self._entries.append(
            {
                "seq": len(self._entries),
                "at": datetime.now(UTC).isoformat(),
                "method": request.method,
                "path": request.url.path,
                "query": dict(request.query_params),
                "headers": headers,
                "body": body,
            }
        )

    def since(self, seq: int) -> list[dict[str, Any]]:
        return self._entries[max(0, seq) :]

    def clear(self) -> None:
        self._entries.clear()
