"""The price list in README is the one that the bench has recorded."""

import re

import pytest

from bench import bill, monitors, prices, readme, recorded
from bench.cases import BOUNDS, Price, as_json
from bench.monitors import WorkerInput
from bench.process import Spent
from bench.report import Yardstick
from bench.report import as_json as yardstick_as_json
from bench.server import AwsCall


def test_readme_has_the_recorded_price_of_every_case() -> None:
    shown = re.findall(r"^\| (.+?) \|.*\*\*([\d.]+)\*\* \|$", readme.shown(), re.MULTILINE)
    named = {what: case for case, what in readme.WHAT.items()}
    found = {named[what]: dollars for what, dollars in shown}
    noted = recorded.load()["prices"]
    assert found == {case: f"{noted[case]:.2f}" for case in readme.WHAT}
    assert noted.keys() == BOUNDS.keys()


def test_the_columns_of_readme_have_all_parts_of_a_price() -> None:
    parts = {"gateway": 3.5, "endpoint": 0.25, "starts": 1.0, "logs": 0.1}
    assert readme.table([Price("cold", 4.85, parts)]).splitlines()[-1] == (
        f"| {readme.WHAT['cold']} | 3.50 |  |  | 1.25 |  | 0.10 | **4.85** |"
    )


def test_lambda_bills_whole_milliseconds_of_the_memory_in_the_template() -> None:
    # 1 GB has a share of 1024/1769 of a processor: 0.72 ms take 2.5 ms, and one call 5 ms.
    dollars = bill.invocation("IngestFunction", cpu=1, calls=1)
    assert dollars == pytest.approx(prices.INVOCATION + 0.008 * prices.GB_SECOND["arm64"])
    more = bill.invocation("IngestFunction", cpu=1, calls=2) - dollars
    assert more == pytest.approx(0.005 * prices.GB_SECOND["arm64"])


def test_a_write_costs_units_of_its_table_and_its_indexes() -> None:
    event = {
        "pk": {"S": "1"},
        "sk": {"S": "x"},
        "issue": {"S": "1#a"},
        "payload": {"B": "A" * 2000},
    }
    put = AwsCall("PutItem", {"TableName": "EventsTable", "Item": event})
    assert bill.writes([put]) == {"EventsTable": 3}
    both = AwsCall("TransactWriteItems", {"TransactItems": [{"Put": put.request}]})
    assert bill.writes([both]) == {"EventsTable": 5}
    update = AwsCall("UpdateItem", {"TableName": "IdempotencyTable", "Key": {}})
    assert bill.writes([update]) == {"IdempotencyTable": 1}


def test_an_event_is_stored_in_its_table_and_its_index_until_it_expires() -> None:
    item = {"pk": {"S": "1"}, "sk": {"S": "x"}, "issue": {"S": "1#a"}}
    # In the table and in by_issue, 100 bytes are added to the 14 of the item.
    month = 2 * (14 + prices.STORED_ITEM_BYTES) / 2**30 * prices.STORED_GB
    assert bill.storage([item]) == pytest.approx(month)


def test_lambda_polls_the_queues_of_webhooks_and_of_check_ins() -> None:
    assert bill.polls(1) == pytest.approx(2 * 648_000 * prices.QUEUE_REQUEST)


def test_a_check_in_costs_half_of_its_run() -> None:
    read = AwsCall("GetItem", {"ConsistentRead": True})
    put = AwsCall("PutItem", {"TableName": "ProjectsTable", "Item": {"pk": {"S": "project#1"}}})
    reported = (WorkerInput('{"check_ins": []}', {}), Spent(0.0, [read, put]))
    look = (WorkerInput('{"look": []}', {}), Spent(0.0, [read, AwsCall("CreateSchedule", {}), put]))
    sent = Spent(0.0, [AwsCall("SendMessage", {})])
    cpu = {"check-in": 0.0, "check-in, worker": 0.0, "look": 0.0}
    found = monitors.of_check_in(sent, [reported, reported, look], cpu)
    # Each call is 5 ms of Lambda. The endpoint has 384 MB, the worker 512.
    second = prices.GB_SECOND["arm64"] / 1024
    assert {name: 1e6 * dollars for name, dollars in found.items()} == pytest.approx(
        {
            "endpoint": 0.2 + 5_000 * 384 * second,
            "worker": (3 * 0.2 + (10 + 10 + 15) * 1_000 * 512 * second) / 2,
            "queues": 1.5 * 3 * 0.4,
            "schedules": 0.5,
            "monitors": 1.5 * (0.125 + 0.625),
        }
    )


def test_the_bench_has_numbers_in_its_json() -> None:
    assert yardstick_as_json(Yardstick("units", "2.500", "≤ 3", True)) == {
        "name": "units",
        "value": 2.5,
        "bound": 3.0,
        "ok": True,
    }
    assert yardstick_as_json(Yardstick("calls", "1", "1 PutItem", True))["bound"] == "1 PutItem"
    price = as_json(Price("loop", 1.23456, {"endpoint": 1.23456}))
    assert (price["case"], price["usd_per_million"]) == ("loop", 1.2346)
