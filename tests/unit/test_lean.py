"""The small DynamoDB client beside botocore: signatures, endpoints, requests and responses."""

import base64
import datetime
import json
import subprocess
import sys
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.retries import standard
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import PermanentError, StoreError, UnavailableError
from errata.store import botocore_clients, lean
from errata.store.connections import AwsResponse
from errata.store.lean import LeanClient, RetryQuota, endpoint
from errata.store.signer import Signer
from tests.support.template import ROOT
from tests.unit.test_layer_build import OPERATIONS

SERVICE: ServiceModel = botocore.session.get_session().get_service_model("dynamodb")
# Characters that headers may have, without those that separate URLs or lists of headers.
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return a request's first line, its headers and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(":", 1) for line in lines), body


def test_the_retried_errors_are_those_of_botocore() -> None:
    throttled: Any = standard.ThrottledRetryableChecker
    transient: Any = standard.TransientRetryableChecker
    retryable = {
        shape.name
        for operation in OPERATIONS["dynamodb"]
        for shape in SERVICE.operation_model(operation).error_shapes
        if "retryable" in shape.metadata
    }
    assert set(throttled._THROTTLED_ERROR_CODES) == lean._THROTTLED
    codes = {*transient._TRANSIENT_ERROR_CODES, *retryable} - lean._THROTTLED
    assert codes == lean._TRANSIENT
    assert set(transient._TRANSIENT_STATUS_CODES) == lean._TRANSIENT_STATUS


@given(
    key_id=st.text("ABCDEFGHIJKLMNOP234567", min_size=16),
    secret=SECRETS,
    token=SECRETS | st.just(""),
    region=NAMES,
    host=st.builds("{}.example:{}".format, NAMES, st.integers(1, 65535)),
    operation=st.sampled_from(OPERATIONS["dynamodb"]),
    body=st.binary(),
    now=st.floats(0, 4e9),
)
def test_signatures_are_those_of_botocore(
    key_id: str,
    secret: str,
    token: str,
    region: str,
    host: str,
    operation: str,
    body: bytes,
    now: float,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        patch.setenv("AWS_SESSION_TOKEN", token)
        at = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
        named = {"content-type": "application/json", "x-amz-target": f"DynamoDB.{operation}"}
        patch.setattr(botocore.auth, "get_current_datetime", lambda: at)
        request = Signer(region, host, "dynamodb").signed("POST /", named, body, now)
        first, headers, sent = parsed(request)
        signature = headers.pop("authorization")
        assert headers.pop("content-length") == str(len(body))
        # botocore adds this header itself.
        assert headers.pop("x-amz-security-token", "") == token
        theirs = AWSRequest("POST", f"http://{host}/", headers, body)
        SigV4Auth(Credentials(key_id, secret, token or None), "dynamodb", region).add_auth(theirs)
    assert (first, sent) == ("POST / HTTP/1.1", body)
    assert headers["x-amz-date"] == theirs.headers["X-Amz-Date"]
    assert signature == theirs.headers["Authorization"]


def test_a_signing_key_is_for_one_day_and_one_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer("us-east-1", "localhost", "dynamodb")

    def signature(now: float) -> str:
        return parsed(signer.signed("POST /", {}, b"", now))[1]["authorization"]

    def of_new_signer(now: float) -> str:
        request = Signer("us-east-1", "localhost", "dynamodb").signed("POST /", {}, b"", now)
        return parsed(request)[1]["authorization"]

    for now in (0, 86_399, 86_400):
        assert signature(now) == of_new_signer(now)
    before = signature(86_400)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert signature(86_400) == of_new_signer(86_400) != before
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    assert "Credential=another/" in signature(86_400)


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LeanClient.of_environment()
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # Sockets are banned here.
    with pytest.raises(UnavailableError, match="AWS_SECRET_ACCESS_KEY") as caught:
        client.get_item(TableName="table", Key={})
    assert not caught.value.maybe_applied


def test_every_region_has_botocore_s_endpoint() -> None:
    session = botocore.session.get_session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("dynamodb", partition)
    ]
    assert len(regions) > 30
    # One that botocore does not know yet, of each partition that we know by its regions' names.
    for region in (*regions, "eu-north-9", "us-gov-north-9", "cn-west-9", "us-iso-north-9"):
        client = session.create_client("dynamodb", region_name=region)
        assert endpoint(region) == client.meta.endpoint_url


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({"AWS_REGION": "eu-west-1"}, "dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": ""}, "dynamodb.us-east-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://Localhost:4566"}, "localhost:4566"),
        ({"AWS_ENDPOINT_URL": "http://localhost:80/"}, "localhost"),
        ({"AWS_ENDPOINT_URL": "https://localhost:443"}, "localhost"),
        ({"AWS_ENDPOINT_URL": "https://[::1]:80"}, "[::1]:80"),
        (
            {"AWS_ENDPOINT_URL": "http://one", "AWS_ENDPOINT_URL_DYNAMODB": "http://other"},
            "other",
        ),
    ],
)
def test_region_and_endpoint_come_from_the_environment(
    variables: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = LeanClient.of_environment()
    request = client._signer.signed("POST /", {}, b"", 0)
    assert parsed(request)[1]["host"] == host == client._connections.host


TEXTS = st.text(max_size=5) | st.sampled_from(["B", "BS", "S", "M", '"B"'])
BYTES = st.binary(max_size=5)
NUMBERS = st.integers().map(str)
VALUES = st.recursive(
    st.builds(lambda text: {"S": text}, TEXTS)
    | st.builds(lambda number: {"N": number}, NUMBERS)
    | st.builds(lambda content: {"B": content}, BYTES)
    | st.builds(lambda flag: {"BOOL": flag}, st.booleans())
    | st.just({"NULL": True})
    | st.builds(lambda texts: {"SS": texts}, st.lists(TEXTS, min_size=1, max_size=3))
    | st.builds(lambda numbers: {"NS": numbers}, st.lists(NUMBERS, min_size=1, max_size=3))
    | st.builds(lambda contents: {"BS": contents}, st.lists(BYTES, min_size=1, max_size=3)),
    lambda inner: (
        st.builds(lambda values: {"L": values}, st.lists(inner, max_size=3))
        | st.builds(lambda values: {"M": values}, st.dictionaries(TEXTS, inner, max_size=3))
    ),
    max_leaves=8,
)
ITEMS: Any = st.dictionaries(TEXTS, VALUES, max_size=4)
KEYS = st.fixed_dictionaries({"pk": VALUES})
REQUESTS: dict[str, Any] = {
    "BatchGetItem": st.builds(
        lambda keys: {"RequestItems": {"table": {"Keys": keys, "ConsistentRead": True}}},
        st.lists(KEYS, max_size=3),
    ),
    "BatchWriteItem": st.builds(
        lambda items: {"RequestItems": {"table": [{"PutRequest": {"Item": i}} for i in items]}},
        st.lists(ITEMS, max_size=3),
    ),
    "DeleteItem": st.builds(lambda key: {"TableName": "table", "Key": key}, KEYS),
    "GetItem": st.builds(lambda key: {"TableName": "table", "Key": key}, KEYS),
    "PutItem": st.builds(lambda item: {"TableName": "table", "Item": item}, ITEMS),
    "Query": st.builds(
        lambda values, key, limit: {
            "TableName": "table",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": values,
            "ExclusiveStartKey": key,
            "Limit": limit,
            "ScanIndexForward": False,
        },
        ITEMS,
        KEYS,
        st.integers(1, 1000),
    ),
    "TransactGetItems": st.builds(
        lambda keys: {"TransactItems": [{"Get": {"TableName": "t", "Key": key}} for key in keys]},
        st.lists(KEYS, max_size=3),
    ),
    "TransactWriteItems": st.builds(
        lambda items, token: {
            "ClientRequestToken": token,
            "TransactItems": [{"Put": {"TableName": "table", "Item": item}} for item in items],
        },
        st.lists(ITEMS, max_size=3),
        NAMES,
    ),
    "UpdateItem": st.builds(
        lambda key, values: {
            "TableName": "table",
            "Key": key,
            "UpdateExpression": "SET a = :a",
            "ExpressionAttributeNames": {"#B": "B"},
            "ExpressionAttributeValues": values,
        },
        KEYS,
        ITEMS,
    ),
}


class Wire:
    """Replaces the connections. Keeps the body of the request, and responds `{}`."""

    def __init__(self) -> None:
        self.body = b""
        self.target = ""

    def exchange(self, request: bytes, now: float) -> AwsResponse:
        _, headers, self.body = parsed(request)
        self.target = headers["x-amz-target"]
        return AwsResponse(200, {}, b"{}")


@pytest.mark.parametrize("operation", OPERATIONS["dynamodb"])
@given(data=st.data())
def test_requests_are_those_of_botocore(operation: str, data: st.DataObject) -> None:
    request = data.draw(REQUESTS[operation])
    wire: Any = Wire()
    client = LeanClient(Signer("us-east-1", "localhost", "dynamodb"), wire, RetryQuota(), 1)
    assert getattr(client, xform_name(operation))(**request) == {}
    model = SERVICE.operation_model(operation)
    expected: Any = create_serializer("json", False).serialize_to_request(request, model)
    assert json.loads(wire.body) == json.loads(expected["body"])
    assert wire.target == expected["headers"]["X-Amz-Target"]


def on_the_wire(value: Any) -> str:
    """Return a response as DynamoDB sends it."""
    return json.dumps(value, default=lambda content: base64.b64encode(content).decode())


RESPONSES: dict[str, Any] = {
    "BatchGetItem": st.builds(
        lambda items, key: {
            "Responses": {"table": items},
            "UnprocessedKeys": {
                "table": {"Keys": [key], "ExpressionAttributeNames": {"#B": "B", "#BS": "BS"}}
            },
        },
        st.lists(ITEMS, max_size=3),
        KEYS,
    ),
    "BatchWriteItem": st.builds(
        lambda item, key: {
            "UnprocessedItems": {
                "table": [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": key}}]
            }
        },
        ITEMS,
        KEYS,
    ),
    "DeleteItem": st.builds(lambda item: {"Attributes": item}, ITEMS),
    "GetItem": st.builds(lambda item: {"Item": item}, ITEMS) | st.just({}),
    "PutItem": st.just({}),
    "Query": st.builds(
        lambda items, key: {
            "Items": items,
            "Count": len(items),
            "ScannedCount": 7,
            "LastEvaluatedKey": key,
        },
        st.lists(ITEMS, max_size=3),
        KEYS,
    ),
    "TransactGetItems": st.builds(
        lambda items: {"Responses": [{"Item": item} for item in items] + [{}]},
        st.lists(ITEMS, max_size=3),
    ),
    "TransactWriteItems": st.just({}),
    "UpdateItem": st.builds(lambda item: {"Attributes": item}, ITEMS),
}


@pytest.mark.parametrize("operation", OPERATIONS["dynamodb"])
@given(data=st.data())
def test_responses_are_read_as_botocore_reads_them(operation: str, data: st.DataObject) -> None:
    content = data.draw(RESPONSES[operation])
    body = on_the_wire(content).encode()
    received = {"headers": {}, "body": body, "status_code": 200}
    shape: Any = SERVICE.operation_model(operation).output_shape
    expected = create_parser("json").parse(received, shape)
    del expected["ResponseMetadata"]
    assert lean._decoded(body) == expected == content


def test_null_means_that_a_member_is_missing() -> None:
    assert lean._decoded(b'{"Items": [], "LastEvaluatedKey": null}') == {"Items": []}


# Every error that an operation may have, those of all operations, and some that no model has.
CODES = sorted(
    {
        (operation, shape.name)
        for operation in OPERATIONS["dynamodb"]
        for shape in SERVICE.operation_model(operation).error_shapes
    }
    | {
        ("PutItem", code)
        for code in (
            "AccessDeniedException",
            "ExpiredTokenException",
            "IncompleteSignatureException",
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "SerializationException",
            "ServiceUnavailable",
            "ThrottlingException",
            "UnrecognizedClientException",
            "ValidationException",
        )
    }
)
REASONS = (
    "None",
    "ConditionalCheckFailed",
    "ItemCollectionSizeLimitExceeded",
    "TransactionConflict",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "ValidationError",
)


def of_botocore(operation: str, response: AwsResponse) -> StoreError:
    """Return the error that botocore's client raises for this response."""
    shape: Any = SERVICE.operation_model(operation).output_shape
    parser = create_parser("json")
    received = {
        "headers": response.headers,
        "body": response.body,
        "status_code": response.status,
    }
    found = parser.parse(received, shape)
    code = found["Error"]["Code"]
    if own := SERVICE.shape_for_error_code(code):
        found.update(parser.parse(received, own))
    return botocore_clients._translated(ClientError(found, operation))


def same(one: StoreError, other: StoreError) -> bool:
    return type(one) is type(other) and str(one) == str(other) and vars(one) == vars(other)


@pytest.mark.parametrize("message", ["message", "Message"])
@pytest.mark.parametrize("status", [400, 500, 503])
def test_errors_are_those_of_botocore(status: int, message: str) -> None:
    item = {"pk": {"S": "1"}, "content": {"B": b"\x00\xff"}}
    for operation, code in CODES:
        for form in ("{}", "com.amazonaws.dynamodb.v20120810#{}", "{}:http://amazon.com/"):
            reasons = [
                {"Code": each, "Message": "why", "Item": item}
                for each in REASONS[: status // 100]
                if code == "TransactionCanceledException"
            ]
            body: dict[str, Any] = {"__type": form.format(code), message: "Sorry."}
            if reasons:
                body["CancellationReasons"] = reasons
            if code == "ConditionalCheckFailedException":
                body["Item"] = item
            response = AwsResponse(status, {}, on_the_wire(body).encode())
            assert same(lean._error(operation, response), of_botocore(operation, response)), code


def test_an_error_does_not_repeat_the_session_token() -> None:
    message = (
        "The request signature we calculated does not match the signature you provided.\n\n"
        "The Canonical String for this request should have been\n'POST\n/\n\n"
        "x-amz-security-token:SECRET\n'"
    )
    body = json.dumps({"__type": "x#InvalidSignatureException", "message": message}).encode()
    response = AwsResponse(400, {}, body)
    ours = lean._error("PutItem", response)
    assert same(ours, of_botocore("PutItem", response))
    assert str(ours).endswith("the signature you provided.")


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_of_a_transaction_decide_the_error_as_with_botocore(reason: str) -> None:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": [{"Code": "None"}, {"Code": reason, "Message": "why"}],
    }
    response = AwsResponse(400, {}, on_the_wire(body).encode())
    ours = lean._error("TransactWriteItems", response)
    assert same(ours, of_botocore("TransactWriteItems", response))
    assert ours.reason_codes == ["None", reason]
    assert isinstance(ours, PermanentError) == (
        reason in ("ItemCollectionSizeLimitExceeded", "ValidationError")
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"<html>no</html>"),
        (400, b"{}"),
        (404, b'{"message":"no"}'),
        (413, b"\xff\xfe"),
        (500, b""),
        (502, b"<html><body><b>Http/1.1 Bad Gateway</b></body></html>"),
        (503, b"[]"),
        (503, b'"busy"'),
    ],
)
def test_an_error_without_a_code_has_the_status_as_its_code(status: int, body: bytes) -> None:
    error = lean._error("PutItem", AwsResponse(status, {}, body))
    assert type(error) is UnavailableError
    assert error.code == str(status)
    assert error.maybe_applied == (status >= 500)


def test_a_value_that_cannot_be_encoded_raises_type_error() -> None:
    with pytest.raises(TypeError, match="object"):
        LeanClient.of_environment().put_item(TableName="table", Item={"pk": {"S": object()}})


HOT = ("authorizer", "ingest", "sentry_ingest", "digest", "legacy_api", "read_events")


@pytest.mark.parametrize("function", HOT)
def test_hot_functions_start_without_botocore(function: str) -> None:
    program = f"import functions.{function}.handler, sys, json; print(json.dumps([*sys.modules]))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers' / 'common'}",
            "DYNAMODB_CLIENT": "lean",
            "AWS_REGION": "us-east-1",
        },
        capture_output=True,
        check=True,
        text=True,
    )
    packages = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert "errata" in packages
    assert packages.isdisjoint({"botocore", "boto3", "urllib3", "http", "email"})
