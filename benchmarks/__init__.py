"""Measurements against the raw SDK, in the same run against the same server."""
