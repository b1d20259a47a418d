"""Tests of the operator's command, in the account of the integration tests."""

from tests.support.cli import deployed, local

__all__ = ["deployed", "local"]
