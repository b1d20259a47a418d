"""What the dashboard's function may not do, even if its code tries.

The other tests of the dashboard run with the same policy, so they show that it is enough.
"""

import os
from typing import Any

import pytest

from errata.store import clients
from tests.support.calls import calling_as

# Table, operation, partition.
DENIED = [
    ("EVENTS_TABLE", "put_item", "12"),  # an event
    ("EVENTS_TABLE", "update_item", "12#legacy"),
    ("EVENTS_TABLE", "delete_item", "12#state"),
    ("PROJECTS_TABLE", "put_item", "stripe#cus_1"),
    ("PROJECTS_TABLE", "update_item", "stripe#cus_1"),
    ("IDEMPOTENCY_TABLE", "put_item", "quota#1#2026-11"),
    ("IDEMPOTENCY_TABLE", "update_item", "quota#1#2026-11"),
    ("IDEMPOTENCY_TABLE", "put_item", "bucket#sign-in#ip#192.0.2.1"),
    ("IDEMPOTENCY_TABLE", "delete_item", "lost#12#2026-11-22"),
    ("IDEMPOTENCY_TABLE", "update_item", "session#1"),
    ("DELIVERIES_TABLE", "put_item", "12"),
]


@pytest.mark.parametrize(("table", "operation", "pk"), DENIED)
def test_the_dashboard_s_function_cannot_write_rows_of_other_functions(
    table: str, operation: str, pk: str
) -> None:
    row: dict[str, Any] = {"pk": {"S": pk}}
    if table != "IDEMPOTENCY_TABLE":
        row["sk"] = {"S": "1"}
    given = {"Item": row} if operation == "put_item" else {"Key": row}
    call = getattr(clients.dynamodb(), operation)
    with calling_as("DashboardFunction"), pytest.raises(AssertionError, match="may not"):
        call(TableName=os.environ[table], **given)


@pytest.mark.parametrize("values", [True, False])
def test_the_dashboard_s_function_cannot_read_gateway_keys(values: bool) -> None:
    gateway = clients.apigateway()
    with calling_as("DashboardFunction"):
        gateway.get_usage_plans()
        with pytest.raises(AssertionError, match="may not apigateway:GET on /apikeys"):
            gateway.get_api_keys(includeValues=values)
        with pytest.raises(AssertionError, match="may not apigateway:GET on /apikeys/abc"):
            gateway.get_api_key(apiKey="abc", includeValue=values)
