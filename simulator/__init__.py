"""A local stand-in for the Claude API.

It is a separate program that the unmodified SDK talks to over HTTP: it enforces what the API enforces, bills
what the API would bill, and fails on request. It shares no code with the service, so that one
misunderstanding cannot pass on both sides.
"""
