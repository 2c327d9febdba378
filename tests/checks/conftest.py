"""The service over a simulator, for outputs as whole jobs bring them."""

from tests.faults.conftest import service

__all__ = ["service"]
