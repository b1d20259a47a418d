"""Requests that Schemathesis makes from docs/openapi.yaml, sent to the API over moto.

Schemathesis takes long to import, and pytest imports it in every process. So these tests run with
`make clients`.
"""

from tests.support.fixtures import aws, busy, clock, project

__all__ = ["aws", "busy", "clock", "project"]
