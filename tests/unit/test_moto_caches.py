"""The caches that make moto faster do not change what it returns."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from joserfc.jwk import RSAKey
from moto import mock_aws
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.utilities.utils import load_resource

from tests.support.moto_caches import drop, remembering
from tests.support.moto_calls import over_http
from tests.support.parameters import check, is_valid

TABLE = "things"
KINDS = {"pk": "S", "sk": "N", "other": "S"}
PARTS = ("b", "a", "c")


@pytest.fixture(autouse=True)
def _alone() -> None:
    """Remove the caches that earlier tests have left in moto."""
    drop()


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


def ranges(client: Any) -> Iterator[Any]:
    """Query for keys in ranges, page by page, and yield the results."""
    texts = f"{TABLE}-of-texts"
    kinds = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    client.create_table(
        TableName=texts,
        KeySchema=key("pk", "sk"),
        AttributeDefinitions=kinds,
        BillingMode="PAY_PER_REQUEST",
    )
    for text in ("b", "ab", "a", "abc", "A", "ac"):
        client.put_item(TableName=texts, Item={"pk": {"S": "a"}, "sk": {"S": text}})
    conditions = [(f"sk {sign} :low", {":low": {"N": "9"}}) for sign in ("=", "<", "<=", ">", ">=")]
    conditions += [("sk BETWEEN :low AND :high", {":low": {"N": "2"}, ":high": {"N": "10"}})]
    conditions += [("begins_with(sk, :low)", {":low": {"S": each}}) for each in ("ab", "b", "c")]
    for condition, values in conditions:
        for forward in (True, False):
            for limit in ({}, {"Limit": 1}, {"Limit": 3}):
                asked: dict[str, Any] = {
                    "TableName": TABLE if "N" in values[":low"] else texts,
                    "KeyConditionExpression": f"pk = :pk AND {condition}",
                    "ExpressionAttributeValues": {":pk": {"S": "a"}, **values},
                    "ScanIndexForward": forward,
                    **limit,
                }
                start: dict[str, Any] = {}
                while True:
                    page = client.query(**asked, **start)
                    yield page["Items"], page["ScannedCount"], page.get("LastEvaluatedKey")
                    if "LastEvaluatedKey" not in page:
                        break
                    start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def wrong_rows() -> Iterator[dict[str, Any]]:
    """Yield rows that DynamoDB refuses."""
    good = item("a", 1)
    for name, value in (
        *(("pk", {"S": ""}), ("pk", {"N": "1"}), ("pk", {"S": "x" * 2_049}), ("sk", {"S": "1"})),
        *(("other", {"S": ""}), ("other", {"S": "é" * 1_025}), ("a", {"N": "x"})),
        *(("a", {"N": "1e126"}), ("a", {"N": " 1"}), ("a", {"M": {"b": {"N": "x"}}})),
        *(("a", {"L": [{"N": ""}]}), ("a", {"NULL": False})),
    ):
        yield {**good, name: value}


def responses(client: Any) -> Iterator[Any]:
    """Make every kind of call, and yield the responses without their HTTP parts."""
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
    yield from ranges(client)
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
    for names in ("sk, bytes, #s, nothing, #m", "#m.#i, pk"):
        for index in ({}, {"IndexName": "by_other"}):
            yield client.query(
                TableName=TABLE,
                KeyConditionExpression=f"{'other' if index else 'pk'} = :value",
                ProjectionExpression=names,
                ExpressionAttributeNames={
                    name: whole
                    for name, whole in (("#m", "map"), ("#i", "inner"), ("#s", "set"))
                    if name in names
                },
                ExpressionAttributeValues={":value": {"S": "o1" if index else "b"}},
                **index,
            )["Items"]
    for number in range(4):
        inner = {"text": {"S": "x" * 180_000}, "flag": {"BOOL": True}}
        long = {"text": {"S": "é" * 90_000}, "map": {"M": inner}}
        row = {"pk": {"S": "long"}, "sk": {"N": str(number)}, **long}
        client.put_item(TableName=TABLE, Item=row)
    for shorter in (None, "0"):
        if shorter:
            client.update_item(
                TableName=TABLE,
                Key={"pk": {"S": "long"}, "sk": {"N": shorter}},
                UpdateExpression="SET #t = :x REMOVE #m",
                ExpressionAttributeNames={"#t": "text", "#m": "map"},
                ExpressionAttributeValues={":x": {"S": "x"}},
            )
        page = client.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "long"}},
        )
        yield page["Count"], page["LastEvaluatedKey"]
    nobody: dict[str, Any] = {"pk": {"S": "nobody"}, "sk": {"N": "1"}}
    yield client.get_item(TableName=TABLE, Key=nobody).get("Item")
    there: dict[str, Any] = {"pk": {"S": "b"}, "sk": {"N": "9"}}
    yield client.get_item(TableName=TABLE, Key=there)["Item"]
    yield client.batch_get_item(RequestItems={TABLE: {"Keys": [there, nobody]}})["Responses"]
    yield client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "nobody"}},
    )["Items"]
    known = item("a", 9)
    large = {**nobody, "a": {"S": "x" * 200_000}, "b": {"L": [{"S": "x" * 202_000}]}}
    client.put_item(TableName=TABLE, Item=large)
    yield client.get_item(TableName=TABLE, Key=nobody)["Item"] == large
    for row in wrong_rows():
        for call, asked in (
            (client.put_item, {"TableName": TABLE, "Item": row}),
            (client.batch_write_item, {"RequestItems": {TABLE: [{"PutRequest": {"Item": row}}]}}),
        ):
            try:
                yield bool(call(**asked))  # moto does not refuse all of them
            except ClientError as error:
                yield error.response["Error"]
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
def test_every_call_returns_the_same_as_moto_alone(http: bool) -> None:
    with mock_aws():
        client = botocore.session.get_session().create_client("dynamodb")
        with over_http(client):
            own = list(responses(client))
    assert len(own) > 15
    with remembering(), mock_aws():
        client = botocore.session.get_session().create_client("dynamodb")
        with over_http(client) if http else nullcontext():
            assert list(responses(client)) == own


@cache
def dynamodb() -> ServiceModel:
    return botocore.session.get_session().get_service_model("dynamodb")


VALUES: list[dict[str, Any]] = [
    *({"S": "a"}, {"S": "é"}, {"N": "-1.50"}, {"B": "AP8="}, {"BOOL": False}, {"NULL": True}),
    *({"SS": ["a", "é"]}, {"NS": ["1", "22"]}, {"BS": ["AP8="]}, {"L": [{"S": "é"}, {"N": "1"}]}),
    {"M": {"é": {"S": "é"}, "inner": {"M": {"n": {"N": "10"}}}}},
]


def test_a_row_has_the_size_that_moto_computes_and_copies_share_nothing() -> None:
    key, attributes = DynamoType({"S": "key"}), {str(n): each for n, each in enumerate(VALUES)}
    own = Item(key, key, attributes)
    sizes = [DynamoType(value).size() for value in VALUES]
    total, as_json = own.size(), own.to_json()
    with remembering():
        assert [DynamoType(value).size() for value in VALUES] == sizes
        assert own.size() == total
        copied = copy.deepcopy(own)
        assert copied.to_json() == as_json
        assert copied == own
        for name in "689":
            copied.attrs[name].value.clear()
        copied.attrs["10"].value["inner"].value.clear()
        copied.attrs["0"].value = "other"
        assert own.to_json() == as_json


def test_a_projection_is_the_same_as_moto_s_even_for_numbers() -> None:
    numbers = {"a": {"N": "0100"}, "b": {"N": "1e3"}, "c": {"N": "-0"}, "d": {"N": "\u0661"}}
    row = Item(DynamoType({"S": "key"}), None, numbers)
    paths = [[name] for name in "abcda"]
    own = row.project(paths).to_json()
    with remembering():
        assert row.project(paths).to_json() == own


@pytest.mark.parametrize(
    "value",
    [
        *({"pk": {"S": 1}}, {"pk": {"BOOL": "x"}}, {"pk": {"N": 1}}, {"pk": {"NULL": 1}}),
        *({1: {"S": "x"}}, {"pk": {"X": "x"}}, {"pk": "x"}, {"pk": {"M": {"a": {"S": 1}}}}),
        *([], "x", {"pk": {"S": "x"}, "sk": {"L": {"S": "x"}}}, {"pk": {"S": "x", "N": 1}}),
        *({"pk": {"L": True}}, {"pk": {"SS": "x"}}),
    ],
)
def test_wrong_parameters_are_reported_as_botocore_reports_them(value: Any) -> None:
    put: Any = dynamodb().operation_model("PutItem")
    own = ParamValidator().validate({"TableName": TABLE, "Item": value}, put.input_shape)
    assert own.has_errors()
    with pytest.raises(AssertionError, match=re.escape(own.generate_report())):
        check(put, {"TableName": TABLE, "Item": value})


@pytest.mark.parametrize(
    "changed",
    [
        *({"TableName": ""}, {"TableName": None}, {"Limit": 0}, {"Limit": "1"}),
        *({"ConsistentRead": 1}, {"Other": 1}, {"AttributesToGet": []}, {"AttributesToGet": [1]}),
        *({"ExpressionAttributeNames": {"#a": 1}}, {"ExpressionAttributeNames": ["#a"]}),
    ],
)
def test_one_wrong_parameter_makes_the_parameters_wrong(changed: dict[str, Any]) -> None:
    shape: Any = dynamodb().operation_model("Query").input_shape
    good = {
        "TableName": TABLE,
        "Limit": 1,
        "ConsistentRead": True,
        "AttributesToGet": ["a"],
        "ExpressionAttributeNames": {"#a": "a"},
        "ExpressionAttributeValues": {":a": item("a", 1)["map"], ":b": {"B": b""}},
    }
    wrong = good | changed
    assert is_valid(shape)(good)
    assert not ParamValidator().validate(good, shape).has_errors()
    assert ParamValidator().validate(wrong, shape).has_errors() != is_valid(shape)(wrong)
    assert not is_valid(shape)({name: good[name] for name in good if name != "TableName"})


def messages(client: Any) -> Iterator[Any]:
    """Send and receive messages, and yield the responses without their random parts."""
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
def test_every_call_of_a_queue_returns_the_same_as_moto_alone(http: bool) -> None:
    with mock_aws():
        client = botocore.session.get_session().create_client("sqs")
        with over_http(client):
            own = list(messages(client))
    with remembering(), mock_aws():
        client = botocore.session.get_session().create_client("sqs")
        with over_http(client) if http else nullcontext():
            assert list(messages(client)) == own


def test_an_rsa_key_is_the_requested_one() -> None:
    one = load_resource("cognitoidp/resources/jwks-private.json")
    other = RSAKey.generate_key(2048).as_dict(private=True)
    with remembering():
        keys = [RSAKey.import_key(value) for value in (one, other, one)]
    assert keys[0] is keys[2]
    assert [key.as_dict(private=True)["d"] for key in keys[:2]] == [one["d"], other["d"]]


def stacks(client: Callable[[str], Any]) -> Iterator[Any]:
    """Call a service of each protocol, and yield the responses without their random parts."""
    ssm, gateway, stacks = client("ssm"), client("apigateway"), client("cloudformation")
    ssm.put_parameter(Name="/a", Value="é", Type="SecureString", Tags=[{"Key": "k", "Value": "v"}])
    yield ssm.get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Value"]
    api = gateway.create_rest_api(name="é")["id"]
    yield [each["name"] for each in gateway.get_rest_apis(limit=1)["items"]]
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    stacks.create_stack(StackName="s", TemplateBody=json.dumps(queue))
    yield [each["StackName"] for each in stacks.describe_stacks(StackName="s")["Stacks"]]
    for call, asked in (
        (ssm.get_parameter, {"Name": "/b"}),
        (gateway.get_rest_api, {"restApiId": "x"}),
        (gateway.get_resource, {"restApiId": api, "resourceId": "é/x"}),
        (stacks.describe_stacks, {"StackName": "b"}),
    ):
        with pytest.raises(ClientError) as raised:
            call(**asked)
        response: Any = raised.value.response
        yield str(raised.value), response["ResponseMetadata"]["HTTPStatusCode"]


def test_without_signatures_every_call_returns_the_same() -> None:
    def found(http: bool) -> list[Any]:
        with mock_aws(), ExitStack() as stack:
            session, made = botocore.session.get_session(), dict[str, Any]()

            def client(service: str) -> Any:
                if service not in made:
                    made[service] = session.create_client(service)
                    if http:
                        stack.enter_context(over_http(made[service]))
                return made[service]

            return list(stacks(client))

    assert found(http=False) == found(http=True)
