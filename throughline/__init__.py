"""Throughline: long document jobs on Claude, as one batch request or as a chain, with one ledger for both."""

__version__ = "0.1.0"
