"""The operator's command, on the account of the integration tests."""

from tests.support.cli import deployed, local

__all__ = ["deployed", "local"]
