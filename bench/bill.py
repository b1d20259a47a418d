"""Compute what AWS bills for calls and functions, from the template (see `bench.prices`)."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench import prices
from bench.prices import MB_A_PROCESSOR
from bench.server import AwsCall
from bench.template import properties, stacks, tables, template, value
from bench.write_units import Item, change_units, item_size, key_names, projected

type Dollars = dict[str, float]  # by what is billed, for one event


def invocation(function: str, cpu: float, calls: float) -> float:
    """Return the dollars of one request. `cpu` is in units of stock boto3's `put_item`."""
    share = max(1.0, MB_A_PROCESSOR / _megabytes(function))
    seconds = cpu * prices.REFERENCE_S * prices.CPU_FACTOR * share + calls * prices.CALL_S
    return prices.INVOCATION + _second(function) * math.ceil(seconds * 1000) / 1000


def waiting(function: str, calls: float) -> float:
    """Return the dollars of the time that a request takes longer because of more calls."""
    return _second(function) * calls * prices.CALL_S


def start(function: str, cpu: float) -> float:
    """Return the dollars of a cold start. `cpu` is in units of the start of stock boto3."""
    seconds = prices.RUNTIME_INIT_S + cpu * prices.REFERENCE_INIT_S * prices.CPU_FACTOR
    return _second(function) * seconds


def _second(function: str) -> float:
    architecture = value(template()["Globals"]["Function"]["Architectures"][0])
    return prices.GB_SECOND[architecture] * _megabytes(function) / 1024


def _megabytes(function: str) -> int:
    common = template()["Globals"]["Function"]["MemorySize"]
    return int(properties(function).get("MemorySize", common))


def writes(calls: Iterable[AwsCall]) -> Counter[str]:
    """Return the write units of calls by table. Their rows are new, or have less than 1 KB."""
    units: Counter[str] = Counter()
    known = {table["TableName"]: table for table in tables()}
    for call in calls:
        match call.operation:
            case "PutItem":
                table = call.request["TableName"]
                units[table] += change_units({}, call.request["Item"], known[table])
            case "UpdateItem":
                units[call.request["TableName"]] += 1
            case "TransactWriteItems":
                for ((_, action),) in (each.items() for each in call.request["TransactItems"]):
                    table, item = action["TableName"], action.get("Item", {})
                    units[table] += change_units({}, item, known[table], times=2)
    return units


def reads(calls: Iterable[AwsCall]) -> float:
    """Return the read units of calls that read rows of less than 4 KB."""
    units = 0.0
    for call in calls:
        if call.operation == "GetItem":
            units += 1 if call.request.get("ConsistentRead") else 0.5
        elif call.operation == "BatchGetItem":
            for each in call.request["RequestItems"].values():
                units += len(each["Keys"]) * (1 if each.get("ConsistentRead") else 0.5)
    return units


def gets(calls: Iterable[AwsCall]) -> float:
    """Return the dollars of reads from S3."""
    return sum(call.operation == "GetObject" for call in calls) * prices.FILE_GET


def storage(items: list[Item], table_name: str = "EventsTable") -> float:
    """Return the dollars to store an item of these until it expires, with what its indexes copy."""
    table = next(each for each in tables() if each["TableName"] == table_name)
    keys, total = key_names(table), 0
    for item in items:
        total += item_size(item) + prices.STORED_ITEM_BYTES
        for index in table.get("GlobalSecondaryIndexes", []):
            own = key_names(index)
            if own <= item.keys():
                total += item_size(projected(item, keys | own, index["Projection"]))
                total += prices.STORED_ITEM_BYTES
    days = int(template()["Parameters"]["RetentionDays"]["Default"])
    months = days * 86_400 / prices.SECONDS_A_MONTH
    return total / len(items) / 2**30 * months * prices.STORED_GB


def logged(size: float) -> float:
    """Return the dollars of a log line of so many bytes. 0 bytes are no line."""
    return (size + prices.LOG_LINE_BYTES) / 2**30 * prices.LOGGED_GB if size else 0.0


def polls(events_a_month: int) -> float:
    """Return an event's share of the requests with which Lambda polls queues."""
    polled = sum(_is_polled(each) for stack in stacks() for each in stack["Resources"].values())
    return polled * prices.POLLS_A_MONTH * prices.QUEUE_REQUEST / events_a_month


def _is_polled(resource: dict[str, Any]) -> bool:
    """Return whether a resource makes Lambda poll a queue."""
    found = resource.get("Properties", {})
    match resource["Type"]:
        case "AWS::Serverless::Function":
            return any(each["Type"] == "SQS" for each in found.get("Events", {}).values())
        case "AWS::Lambda::EventSourceMapping":
            return "StartingPosition" not in found  # a stream has one
    return False
