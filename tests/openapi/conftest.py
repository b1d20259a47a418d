"""Requests that Schemathesis makes from docs/openapi.yaml, sent to the API over moto.

Schemathesis takes long to import, and pytest imports it in every process. So these tests run with
`make clients`.
"""

import pytest

from tests.support.fixtures import aws, busy, clock, project

__all__ = ["aws", "busy", "clock", "project"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test that Schemathesis makes of a document its own id.

    They all have the id of their function. pytest-xdist would run one of them.
    """
    for item in items:
        if hasattr(item, "operation_label"):
            assert item.parent
            item._id = item.parent.id.child(item.name)
    assert len({item.nodeid for item in items}) == len(items)
