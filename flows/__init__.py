"""Prefect flows: one file a flow, reading aloud what happens to a job."""
