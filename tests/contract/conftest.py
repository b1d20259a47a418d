"""Contract tests: the specs, clause by clause, at the API over moto."""

from tests.support.fixtures import aws, busy, clock, project

__all__ = ["aws", "busy", "clock", "project"]
