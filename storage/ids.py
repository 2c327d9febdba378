"""New ids: uuid7, so that rows sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """A fresh uuid7 as text; it also satisfies the API's rules for a `custom_id`."""
    return str(uuid_utils.uuid7())
