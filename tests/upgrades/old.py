"""Run a release's functions on requests, in a separate process.

`PYTHONPATH` leads to the release's source (source.tar.gz), whose modules have the names of today's:
none of those is imported. Input and output are JSON: see `tests.integration.test_upgrade`.
"""

import base64
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws


def item(stored: dict[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB takes it: its bytes are Base64 here."""
    return {
        name: {kind: base64.b64decode(value) if kind == "B" else value}
        for name, attribute in stored.items()
        for kind, value in attribute.items()
    }


def main() -> None:
    """Fill the tables and pass each event to its handler."""
    given = json.load(sys.stdin)
    os.environ.update(given["environment"])
    time.time_ns = lambda: given["at_ms"] * 10**6
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        for table in given["tables"]:
            dynamodb.create_table(**table["definition"])
            for each in table["items"]:
                dynamodb.put_item(TableName=table["definition"]["TableName"], Item=item(each))
        answers = []
        for each in given["calls"]:
            module, _, name = each["handler"].rpartition(".")
            found = importlib.import_module(module)
            assert Path(str(found.__file__)).is_relative_to(Path.cwd()), found.__file__
            answer = getattr(found, name)(each["event"], None)
            answers.append([answer["statusCode"], sorted(json.loads(answer["body"]))])
        errata = importlib.import_module("errata")
        assert Path(str(errata.__file__)).is_relative_to(Path.cwd()), errata.__file__
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
