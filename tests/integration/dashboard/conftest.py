"""The dashboard's pages over moto."""

from tests.support.fixtures import aws, busy, clock, project

__all__ = ["aws", "busy", "clock", "project"]
