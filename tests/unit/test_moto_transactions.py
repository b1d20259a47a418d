"""The quick transactions of the tests have the same outcome as moto's own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import DynamoDBBackend

from tests.support.moto_caches import drop
from tests.support.moto_transactions import quick_transactions

type Rows = list[dict[str, Any]]
type Outcome = tuple[str, Rows]

# With a sort key and without.
SHAPES = {"sorted": ("pk", "sk"), "plain": ("pk",)}
CONDITIONS = {"exists": "attribute_exists(pk)", "absent": "attribute_not_exists(pk)", "": None}


def backend() -> DynamoDBBackend:
    """An account with a table of each shape."""
    made = DynamoDBBackend("us-east-1", "123456789012")
    for table, names in SHAPES.items():
        kinds = zip(names, ("HASH", "RANGE"), strict=False)
        made.create_table(
            name=table,
            schema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
            throughput=None,
            attr=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            global_indexes=None,
            indexes=None,
            streams=None,
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=None,
            warm_throughput=None,
        )
    return made


def action(kind: str, table: str, where: str, condition: str, value: int) -> dict[str, Any]:
    """An action of a transaction, on one of few rows."""
    key = {name: {"S": each} for name, each in zip(SHAPES[table], where, strict=False)}
    details: dict[str, Any] = {"TableName": table}
    if CONDITIONS[condition] or kind == "ConditionCheck":
        details["ConditionExpression"] = CONDITIONS[condition] or "attribute_exists(pk)"
    if kind == "Put":
        details["Item"] = {**key, "list": {"L": [{"N": str(value)}]}}
    else:
        details["Key"] = key
    if kind == "Update":
        details["UpdateExpression"] = "SET #list[0] = :value" if value % 2 else "ADD n :value"
        details["ExpressionAttributeNames"] = {"#list": "list"} if value % 2 else {}
        details["ExpressionAttributeValues"] = {":value": {"N": str(value)}}
    return {kind: details}


actions = st.builds(
    action,
    st.sampled_from(["Put", "Update", "Delete", "ConditionCheck"]),
    st.sampled_from(sorted(SHAPES)),
    st.sampled_from(["aa", "ab", "ba", "bb"]),
    st.sampled_from(sorted(CONDITIONS)),
    st.integers(0, 9),
)


def rows(account: DynamoDBBackend) -> Rows:
    """Every row, in the order of a scan."""
    return [
        item.to_json()["Attributes"]
        for table in SHAPES
        for item in account.tables[table].all_items()
    ]


def outcomes(transactions: list[list[dict[str, Any]]]) -> list[Outcome]:
    """Return the response to each transaction, and the rows after it."""
    account, found = backend(), []
    for transaction in transactions:
        before, response = rows(account), ""
        try:
            account.transact_write_items(transaction)
        except JsonRESTError as error:
            response = str(error)
            assert rows(account) == before
        found.append((response, rows(account)))
    return found


@given(st.lists(st.lists(actions, min_size=1, max_size=4), max_size=6))
def test_a_quick_transaction_has_the_outcome_of_moto_s_own(
    transactions: list[list[dict[str, Any]]],
) -> None:
    drop()
    own = outcomes(transactions)
    with quick_transactions():
        assert outcomes(transactions) == own


@pytest.mark.parametrize("failing", ["aa", "zz"], ids=["twice the same row", "no such row"])
@pytest.mark.parametrize("table", sorted(SHAPES))
def test_a_failed_transaction_changes_no_row(table: str, failing: str) -> None:
    account = backend()
    with quick_transactions():
        account.transact_write_items(
            [action("Put", table, where, "absent", n) for n, where in enumerate(["aa", "bb", "cc"])]
        )
        before = rows(account)
        with pytest.raises(JsonRESTError):
            account.transact_write_items(
                [
                    action("Update", table, "aa", "exists", 7),
                    action("Put", table, "bb", "exists", 8),
                    action("Delete", table, "cc", "exists", 0),
                    action("Put", table, "dd", "absent", 9),
                    action("ConditionCheck", table, failing, "exists", 0),
                ]
            )
        assert rows(account) == before
        account.transact_write_items([action("Update", table, "aa", "exists", 7)])
        assert rows(account) != before
