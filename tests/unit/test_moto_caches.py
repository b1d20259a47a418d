"""What the tests do to make moto faster changes nothing that it returns."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey
from moto import mock_aws
from moto.utilities.utils import load_resource

from tests.support.moto_caches import over_http, remembering

TABLE = "things"
KINDS = {"pk": "S", "sk": "N", "other": "S"}
PARTS = ("b", "a", "c")


def key(hash_key: str, range_key: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_key, "KeyType": "HASH"},
        {"AttributeName": range_key, "KeyType": "RANGE"},
    ]


def item(part: str, number: int) -> dict[str, Any]:
    return {
        "pk": {"S": part},
        "sk": {"N": str(number)},
        "other": {"S": f"o{number % 2}"},
        "bytes": {"B": b"\x00\xff"},
        "map": {"M": {"inner": {"L": [{"N": "1.50"}, {"BOOL": True}, {"NULL": True}]}}},
        "set": {"SS": ["x", "y"]},
    }


def responses(client: Any) -> Iterator[Any]:
    """Make every kind of call, and yield what comes back without what belongs to HTTP."""
    client.create_table(
        TableName=TABLE,
        KeySchema=key("pk", "sk"),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in KINDS.items()
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_other",
                "KeySchema": key("other", "sk"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    # Numbers that sort otherwise as text, stored in no order.
    for number in (9, 10, -1, 100, 2):
        for part in PARTS:
            client.put_item(TableName=TABLE, Item=item(part, number))
    for forward in (True, False):
        for index in ({}, {"IndexName": "by_other"}):
            name, value = ("other", "o0") if index else ("pk", "a")
            for page in client.get_paginator("query").paginate(
                TableName=TABLE,
                KeyConditionExpression=f"{name} = :value AND sk > :low",
                ExpressionAttributeValues={":value": {"S": value}, ":low": {"N": "-1"}},
                ScanIndexForward=forward,
                PaginationConfig={"PageSize": 2},
                **index,
            ):
                yield page["Items"], page["ScannedCount"], page.get("LastEvaluatedKey")
    for page in client.get_paginator("scan").paginate(
        TableName=TABLE, PaginationConfig={"PageSize": 4}
    ):
        yield page["Items"], page.get("LastEvaluatedKey")
    for forward in (True, False):
        yield client.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "a"}},
            # No row has this key.
            ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"N": "9.5"}},
            ScanIndexForward=forward,
        )["Items"]
    for _ in range(2):
        yield client.update_item(
            TableName=TABLE,
            Key={"pk": {"S": "a"}, "sk": {"N": "9"}},
            UpdateExpression="SET #m.#i = :list, o = if_not_exists(o, :o) ADD n :one",
            ConditionExpression="attribute_exists(pk) AND (sk < :ten OR size(#m) > :one)",
            ExpressionAttributeNames={"#m": "map", "#i": "inner"},
            ExpressionAttributeValues={
                ":list": {"L": [{"M": {}}, {"S": "x"}]},
                ":o": {"S": "o"},
                ":one": {"N": "1"},
                ":ten": {"N": "10"},
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]
    nobody: dict[str, Any] = {"pk": {"S": "nobody"}, "sk": {"N": "1"}}
    yield client.get_item(TableName=TABLE, Key=nobody).get("Item")
    yield client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "nobody"}},
    )["Items"]
    known = item("a", 9)
    large = {**nobody, "a": {"S": "x" * 200_000}, "b": {"L": [{"S": "x" * 202_000}]}}
    client.put_item(TableName=TABLE, Item=large)
    yield client.get_item(TableName=TABLE, Key=nobody)["Item"] == large
    put = {
        "TableName": TABLE,
        "Item": known,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    refused: list[tuple[Any, dict[str, Any]]] = [
        (client.put_item, put),
        (client.transact_write_items, {"TransactItems": [{"Put": put}]}),
        (client.put_item, {"TableName": TABLE, "Item": {**large, "c": {"S": "x" * 4_000}}}),
        (client.get_item, {"TableName": "missing", "Key": nobody}),
        (client.get_item, {"TableName": TABLE, "Key": {"pk": {"S": "a"}}}),
    ]
    for call, parameters in refused:
        with pytest.raises(ClientError) as raised:
            call(**parameters)
        response: Any = raised.value.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        named = ("Error", "Item", "CancellationReasons")
        yield str(raised.value), status, {name: response.get(name) for name in named}


@pytest.mark.parametrize("http", [False, True], ids=["directly", "over HTTP"])
def test_every_call_returns_what_moto_alone_returns(http: bool) -> None:
    with mock_aws():
        client = botocore.session.get_session().create_client("dynamodb")
        with over_http(client):
            own = list(responses(client))
    assert len(own) > 15
    with remembering(), mock_aws():
        client = botocore.session.get_session().create_client("dynamodb")
        with over_http(client) if http else nullcontext():
            assert list(responses(client)) == own


def messages(client: Any) -> Iterator[Any]:
    """Send and receive messages, and yield what comes back without what is random."""
    url = client.create_queue(QueueName=TABLE, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    yield url, client.get_queue_url(QueueName=TABLE)["QueueUrl"]
    attribute = {"kind": {"DataType": "String", "StringValue": "a"}}
    yield client.send_message(QueueUrl=url, MessageBody="one", MessageAttributes=attribute)[
        "MD5OfMessageBody"
    ]
    entries = [{"Id": name, "MessageBody": name * number} for number, name in enumerate("abc")]
    sent = client.send_message_batch(QueueUrl=url, Entries=entries)
    yield [each["Id"] for each in sent["Successful"]], sent.get("Failed")
    received = client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["ApproximateReceiveCount"],
    )["Messages"]
    yield [(each["Body"], each["Attributes"], each.get("MessageAttributes")) for each in received]
    handle = received[0]["ReceiptHandle"]
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    client.delete_message(QueueUrl=url, ReceiptHandle=handle)
    yield client.receive_message(QueueUrl=url).get("Messages")
    yield client.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    refused: list[tuple[Any, dict[str, Any]]] = [
        (client.send_message, {"QueueUrl": f"{url}-missing", "MessageBody": "x"}),
        (client.delete_message, {"QueueUrl": url, "ReceiptHandle": "none"}),
    ]
    for call, parameters in refused:
        with pytest.raises(ClientError) as raised:
            call(**parameters)
        response: Any = raised.value.response
        yield str(raised.value), response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]


@pytest.mark.parametrize("http", [False, True], ids=["directly", "over HTTP"])
def test_every_queue_returns_what_moto_alone_returns(http: bool) -> None:
    with mock_aws():
        client = botocore.session.get_session().create_client("sqs")
        with over_http(client):
            own = list(messages(client))
    with remembering(), mock_aws():
        client = botocore.session.get_session().create_client("sqs")
        with over_http(client) if http else nullcontext():
            assert list(messages(client)) == own


def test_an_rsa_key_is_the_one_that_was_asked_for() -> None:
    one = load_resource("cognitoidp/resources/jwks-private.json")
    other = RSAKey.generate_key(2048).as_dict(private=True)
    with remembering():
        keys = [RSAKey.import_key(value) for value in (one, other, one)]
    assert keys[0] is keys[2]
    assert [key.as_dict(private=True)["d"] for key in keys[:2]] == [one["d"], other["d"]]
