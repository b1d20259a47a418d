"""Provide the fixtures for tests of the command `errata`."""

from tests.support.cli import deployed, local

__all__ = ["deployed", "local"]
