"""Looking at JSON that anyone may have sent, without believing anything about it."""

from typing import Any, cast


def as_object(value: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing when it is no list."""
    return [item for item in as_list(value) or [] if isinstance(item, dict)]
