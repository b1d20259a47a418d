"""The small DynamoDB client against a server: compared with botocore, and with errors."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from errata.errors import (
    ConditionFailedError,
    ConflictError,
    StoreError,
    ThrottledError,
    UnavailableError,
)
from errata.store import botocore_clients, clients, connections, lean
from errata.store.lean import LeanClient
from tests.support.certificates import Authority
from tests.support.dynamodb_server import (
    REGION,
    Behaviour,
    Server,
    dynamodb,
    fail,
    in_parts,
    later,
    raw,
    reset,
    respond,
    serving,
    then_close,
)

TABLE = "rows"
ITEM = {"pk": {"S": "1"}, "sk": {"S": "a"}, "content": {"B": b"\x00\xff"}}
KEY = {"pk": {"S": "1"}, "sk": {"S": "a"}}


@pytest.fixture
def aws() -> None:
    """Replace the account of the other tests: there is no mock here, but a server."""


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    clients.clear_cache()
    with serving() as state:
        yield state
    clients.clear_cache()


@pytest.fixture
def server(running: Server) -> Server:
    """Return a server with an empty table."""
    create_table()
    running.received.clear()
    running.next.clear()
    running.connections = 0
    return running


def create_table() -> None:
    """Create the table again, without rows."""
    reset()
    names = ("pk", "sk")
    try:
        clients.dynamodb().create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
    except UnavailableError as error:
        # On a busy machine, botocore tries again, and its first try has made the table.
        if "already exists" not in str(error):
            raise


@pytest.fixture
def client(server: Server) -> Iterator[LeanClient]:
    with closing(LeanClient.of_environment()) as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait between attempts. The list has the seconds of each wait."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns or raises, in a form that two clients have in common."""
    try:
        response = call()
    except StoreError as error:
        text = str(error).replace(" (reached max retries: 0)", "")
        text = text.replace(" (reached max retries: 2)", "")
        if not error.code:  # there is no response, and the text says why
            text = ""
        return type(error), text, vars(error)
    response.pop("ResponseMetadata", None)
    return response


def every_operation(client: Any) -> Iterator[Callable[[], Any]]:
    """Yield calls of each operation, in an order in which each finds what others have written."""
    rows = [{**ITEM, "sk": {"S": f"{n}"}, "n": {"N": f"{n}"}} for n in range(5)]
    condition = {
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    nested = {**ITEM, "B": {"M": {"B": {"B": b"1"}, "BS": {"L": [{"BS": [b"2", b"3"]}]}}}}
    query: dict[str, Any] = {
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "1"}},
        "ConsistentRead": True,
    }
    yield lambda: client.get_item(TableName=TABLE, Key=KEY)
    yield lambda: client.put_item(TableName=TABLE, Item=nested)
    yield lambda: client.get_item(TableName=TABLE, Key=KEY, ConsistentRead=True)
    yield lambda: client.put_item(TableName=TABLE, Item=ITEM, **condition)
    yield lambda: client.put_item(TableName="missing", Item=ITEM)
    yield lambda: client.put_item(TableName=TABLE, Item={"pk": {"S": ""}, "sk": {"S": "x"}})
    yield lambda: client.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET content = :content ADD n :n",
        ExpressionAttributeValues={":content": {"B": b"\x01"}, ":n": {"N": "2"}},
        ReturnValues="UPDATED_NEW",
    )
    yield lambda: client.batch_write_item(
        RequestItems={TABLE: [{"PutRequest": {"Item": row}} for row in rows]}
    )
    yield lambda: client.query(**query)
    yield lambda: client.query(**query, Limit=2, ExclusiveStartKey={**KEY, "sk": {"S": "1"}})
    yield lambda: client.query(**query, Select="COUNT")
    keys = [{**KEY, "sk": row["sk"]} for row in rows]
    yield lambda: client.batch_get_item(RequestItems={TABLE: {"Keys": [KEY]}})
    yield lambda: client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": TABLE, "Key": key}} for key in (KEY, {**KEY, "sk": {"S": "no"}})
        ]
    )
    yield lambda: client.transact_write_items(
        TransactItems=[{"Delete": {"TableName": TABLE, "Key": keys[0]}}]
    )
    yield lambda: client.transact_write_items(
        TransactItems=[
            {"Delete": {"TableName": TABLE, "Key": keys[1]}},
            {"Put": {"TableName": TABLE, "Item": ITEM, **condition}},
        ]
    )
    yield lambda: client.delete_item(TableName=TABLE, Key=KEY, ReturnValues="ALL_OLD")
    yield lambda: client.delete_item(TableName=TABLE, Key=KEY, ConditionExpression="n = n")


def test_every_operation_has_the_same_outcome_as_with_botocore() -> None:
    outcomes = []
    for name in ("lean", "botocore"):
        with serving(), pytest.MonkeyPatch.context() as patch:
            clients.clear_cache()
            create_table()
            patch.setenv("DYNAMODB_CLIENT", name)
            clients.clear_cache()
            client = clients.dynamodb()
            assert isinstance(client, LeanClient) == (name == "lean")
            outcomes.append([outcome(call) for call in every_operation(client)])
            clients.clear_cache()
    ours, theirs = outcomes
    assert ours == theirs
    kinds = {one[0] for one in ours if isinstance(one, tuple)}
    assert {ConditionFailedError, ConflictError, UnavailableError} <= kinds


OK = respond(200, "{}")
# What the server does, and whether both clients retry.
RETRIED: dict[str, Behaviour] = {
    **{
        code: fail(code)
        for code in sorted(lean._THROTTLED | lean._TRANSIENT)
        # botocore repeats this one for the operations whose model has it.
        if code != "ReplicatedWriteConflictException"
    },
    **{f"a plain {status}": respond(status, "busy") for status in (429, 500, 502, 503, 504)},
    "InternalServerError": fail("InternalServerError", 500),
    "HTML": respond(503, "<html><body>Service Unavailable</body></html>"),
    "an empty 500": respond(500, ""),
    "no response": raw(b""),
    "no HTTP": raw(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "another checksum": respond(200, "{}", x_amz_crc32="1"),
    "another checksum of an error": fail("ValidationException", x_amz_crc32="1"),
}
NOT_RETRIED: dict[str, Behaviour] = {
    code: fail(code)
    for code in (
        "AccessDeniedException",
        "ConditionalCheckFailedException",
        "ExpiredTokenException",
        "IdempotentParameterMismatchException",
        "InvalidSignatureException",
        "ItemCollectionSizeLimitExceededException",
        "ResourceNotFoundException",
        "TransactionCanceledException",
        "TransactionConflictException",
        "UnrecognizedClientException",
        "ValidationException",
    )
} | {"a plain 400": respond(400, "no"), "a plain 404": respond(404, "no")}


def requests_of(client: Any, server: Server, behaviours: list[Behaviour]) -> tuple[Any, int]:
    """Return what a call comes to if the server does this, and the number of requests."""
    server.received.clear()
    server.next[:] = behaviours
    result = outcome(lambda: client.put_item(TableName=TABLE, Item=ITEM))
    server.next.clear()
    return result, len(server.received)


@pytest.mark.parametrize("case", RETRIED)
def test_a_temporary_failure_is_retried_as_with_botocore(
    case: str, client: LeanClient, server: Server, waits: list[float]
) -> None:
    for each in (client, clients.dynamodb()):
        assert requests_of(each, server, [RETRIED[case], OK]) == ({}, 2)
        assert requests_of(each, server, [RETRIED[case]] * 2 + [OK]) == ({}, 3)


# At its last attempt, botocore returns a response with the wrong checksum.
@pytest.mark.parametrize("case", [case for case in RETRIED if "checksum" not in case])
def test_a_lasting_failure_is_the_same_error_after_as_many_attempts_as_with_botocore(
    case: str, client: LeanClient, server: Server, waits: list[float]
) -> None:
    # A new one: a client of botocore stops to try again after some thirty failures.
    new = botocore_clients.create("dynamodb", "quick")
    ours, theirs = (requests_of(each, server, [RETRIED[case]] * 4) for each in (client, new))
    assert ours[1] == theirs[1] == 3
    (kind, text, fields), (their_kind, their_text, their_fields) = ours[0], theirs[0]
    assert (kind, fields) == (their_kind, their_fields)
    if "plain" not in case and case not in ("HTML", "an empty 500"):
        assert text == their_text


# Too many requests for a partition, a table or an account.
THROTTLES = (
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
)


@pytest.mark.parametrize("case", RETRIED)
def test_a_request_is_sent_once_if_it_must_not_be_repeated(
    case: str, client: LeanClient, server: Server
) -> None:
    (kind, _, fields), requests = requests_of(client.once(), server, [RETRIED[case], OK])
    expected = ThrottledError if fields["code"] in THROTTLES else UnavailableError
    assert (kind, requests) == (expected, 1)
    unknown = not fields["code"] or fields["code"][:2] == "50" or "Internal" in fields["code"]
    assert fields["maybe_applied"] == unknown


@pytest.mark.parametrize("case", NOT_RETRIED)
def test_other_errors_are_raised_at_once(case: str, client: LeanClient, server: Server) -> None:
    ours, theirs = (
        requests_of(each, server, [NOT_RETRIED[case], OK]) for each in (client, clients.dynamodb())
    )
    assert ours == theirs
    assert ours[1] == 1


@pytest.mark.parametrize("behaviour", [fail("ThrottlingException"), respond(500, "")])
def test_lasting_failures_use_up_the_retries_as_with_botocore(
    behaviour: Behaviour, client: LeanClient, server: Server, waits: list[float]
) -> None:
    def counts(each: Any) -> list[int]:
        failing = [requests_of(each, server, [behaviour] * 3)[1] for _ in range(60)]
        succeeding = [requests_of(each, server, [OK])[1] for _ in range(20)]
        passing = [requests_of(each, server, [behaviour, OK])[1] for _ in range(3)]
        return failing + succeeding + passing

    ours = counts(client)
    assert ours == counts(botocore_clients.create("dynamodb", "quick"))
    assert set(ours[:60]) >= {1, 3}


def test_a_wrong_checksum_is_an_error_after_the_last_attempt(
    client: LeanClient, server: Server, waits: list[float]
) -> None:
    server.next[:] = [respond(200, '{"Item": {}}', x_amz_crc32="1")] * 3
    with pytest.raises(UnavailableError, match="checksum") as caught:
        client.get_item(TableName=TABLE, Key=KEY)
    assert caught.value.maybe_applied


@pytest.mark.parametrize(
    "behaviour",
    [
        respond(200, "not JSON"),
        respond(200, "[]"),
        respond(200, b"\xff"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\na: " + b"b" * 300_000 + b"\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"HTTP/1.1 x00 OK\r\nContent-Length: 2\r\n\r\n{}"),
    ],
)
def test_a_malformed_response_is_an_error(
    behaviour: Behaviour, client: LeanClient, server: Server
) -> None:
    server.next[:] = [behaviour]
    with pytest.raises(UnavailableError) as caught:
        client.once().get_item(TableName=TABLE, Key=KEY)
    assert caught.value.maybe_applied
    assert client.once().get_item(TableName=TABLE, Key=KEY) == {}


def test_a_response_that_is_too_large_is_not_read(client: LeanClient, server: Server) -> None:
    server.next[:] = [raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", close=False)]
    with pytest.raises(UnavailableError, match="a response of 99999999 bytes"):
        client.once().get_item(TableName=TABLE, Key=KEY)


def test_a_server_that_does_not_respond_in_time_is_an_error(
    client: LeanClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_S", 0.1)
    server.next[:] = [later(30, OK), OK]
    start = time.monotonic()
    assert client.put_item(TableName=TABLE, Item=ITEM) == {}
    assert 0.1 <= time.monotonic() - start < 30
    server.next[:] = [later(30, OK)]
    with pytest.raises(UnavailableError, match="timed out") as caught:
        client.once().put_item(TableName=TABLE, Item=ITEM)
    assert caught.value.maybe_applied
    # The late response must not be taken for that of the next request.
    server.next[:] = [respond(200, '{"Item": {"n": {"N": "2"}}}')]
    assert client.get_item(TableName=TABLE, Key=KEY) == {"Item": {"n": {"N": "2"}}}


def test_a_refused_connection_is_an_error(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_REGION", REGION)
    with pytest.raises(UnavailableError, match="refused"):
        LeanClient.of_environment().get_item(TableName=TABLE, Key=KEY)
    assert len(waits) == 2


def test_waits_are_random_and_longer_if_throttled(
    client: LeanClient, server: Server, waits: list[float]
) -> None:
    for behaviour, most_s in ((fail("ThrottlingException"), 1), (respond(500, ""), 0.025)):
        waits.clear()
        for _ in range(40):
            client._quota.give(100)
            requests_of(client, server, [behaviour] * 3)
        first, second = waits[::2], waits[1::2]
        assert most_s * 0.6 < max(first) <= most_s
        assert most_s * 1.2 < max(second) <= most_s * 2
        assert min(waits) < most_s * 0.3


def test_all_attempts_of_a_transaction_have_the_same_token(
    client: LeanClient, server: Server
) -> None:
    put = [{"Put": {"TableName": TABLE, "Item": ITEM}}]
    server.next[:] = [respond(500, "")]
    client.transact_write_items(TransactItems=put)
    client.transact_write_items(TransactItems=put)
    client.transact_write_items(TransactItems=put, ClientRequestToken="own")
    first, again, other, own = (request.body for request in server.received)
    assert first == again != other
    assert b'"ClientRequestToken":"own"' in own


def test_a_connection_is_reused(client: LeanClient, server: Server) -> None:
    for _ in range(3):
        client.get_item(TableName=TABLE, Key=KEY)
        client.once().get_item(TableName=TABLE, Key=KEY)
    with pytest.raises(UnavailableError):
        client.get_item(TableName="missing", Key=KEY)
    assert {request.connection for request in server.received} == {1}


@pytest.mark.parametrize(
    "behaviour",
    [
        then_close(dynamodb),
        respond(200, "{}", connection="close"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n", close=False),
        in_parts(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n"),
        raw(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", close=False),
    ],
)
def test_a_closed_connection_costs_no_attempt(
    behaviour: Behaviour, client: LeanClient, server: Server
) -> None:
    server.next[:] = [behaviour]
    assert client.once().get_item(TableName=TABLE, Key=KEY) == {}
    threading.Event().wait(0.1)
    assert client.once().get_item(TableName=TABLE, Key=KEY) == {}
    assert [request.connection for request in server.received] == [1, 2]


@pytest.mark.parametrize("step_s", [connections._LIFETIME_S, -1])
def test_an_old_connection_is_replaced(
    step_s: float, client: LeanClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    client.get_item(TableName=TABLE, Key=KEY)
    now += connections._LIFETIME_S - 1 if step_s > 0 else 0
    client.get_item(TableName=TABLE, Key=KEY)
    now += step_s
    client.get_item(TableName=TABLE, Key=KEY)
    assert [request.connection for request in server.received] == [1, 1, 2]


def test_a_response_is_read_to_its_end(client: LeanClient, server: Server) -> None:
    content = b'{"Item": {"payload": {"S": "' + b"x" * 1_000_000 + b'"}}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    server.next[:] = [
        respond(200, content),
        in_parts(head[:-2], head[-2:], content[:10], content[10:]),
    ]
    for _ in range(2):
        found = client.once().get_item(TableName=TABLE, Key=KEY)
        assert len(found["Item"]["payload"]["S"]) == 1_000_000
    assert {request.connection for request in server.received} == {1}


def test_threads_get_their_own_responses_over_few_connections(
    client: LeanClient, server: Server
) -> None:
    def write_and_read(number: int) -> bool:
        key = {"pk": {"S": f"{number}"}, "sk": {"S": "a"}}
        client.put_item(TableName=TABLE, Item={**key, "n": {"N": f"{number}"}})
        found = client.get_item(TableName=TABLE, Key=key)
        return bool(found["Item"]["n"] == {"N": f"{number}"})

    for _ in range(2):  # with new threads
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(write_and_read, range(100)))
    assert 1 <= server.connections <= 8


def test_credentials_are_read_again(
    client: LeanClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get_item(TableName=TABLE, Key=KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    client.get_item(TableName=TABLE, Key=KEY)
    first, second = (request.headers for request in server.received)
    assert "Credential=test/" in first["authorization"]
    assert "x-amz-security-token" not in first
    assert "Credential=other/" in second["authorization"]
    assert second["x-amz-security-token"] == "token"


def skewed(code: str, hours: float) -> Behaviour:
    """Refuse a signature. The server's clock is this many hours ahead."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    return fail(code, date=date)


def signed_at(server: Server) -> list[float]:
    """Return by how many hours each request was signed ahead of this machine's clock."""
    form = "%Y%m%dT%H%M%SZ"
    times = [
        datetime.strptime(request.headers["x-amz-date"], form).replace(tzinfo=UTC)
        for request in server.received
    ]
    return [round((each - datetime.now(UTC)).total_seconds() / 3600, 1) for each in times]


@pytest.mark.parametrize("code", sorted(lean._SKEWED))
@pytest.mark.parametrize("hours", [2, -2])
def test_a_wrong_clock_is_corrected(
    code: str, hours: float, client: LeanClient, server: Server
) -> None:
    server.next[:] = [skewed(code, hours)]
    assert client.get_item(TableName=TABLE, Key=KEY) == {}
    assert client.once().get_item(TableName=TABLE, Key=KEY) == {}
    assert signed_at(server) == [0, hours, hours]
    # The clock is set right.
    server.next[:] = [skewed(code, 0)]
    assert client.get_item(TableName=TABLE, Key=KEY) == {}
    assert signed_at(server)[-1] == 0


def test_a_suspended_process_signs_again(
    client: LeanClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    times = iter([real() - 3600, real() - 3600])
    monkeypatch.setattr(time, "time", lambda: next(times, None) or real())
    server.next[:] = [skewed("InvalidSignatureException", 0)]
    assert client.get_item(TableName=TABLE, Key=KEY) == {}
    assert signed_at(server) == [-1, 0]


@pytest.mark.parametrize("date", ["", "soon", "Sun, 99 Nov 2026 14:50:19 GMT"])
def test_a_refused_signature_with_the_right_time_is_an_error(
    date: str, client: LeanClient, server: Server
) -> None:
    server.next[:] = [fail("InvalidSignatureException", date=date)]
    with pytest.raises(UnavailableError, match="InvalidSignatureException"):
        client.get_item(TableName=TABLE, Key=KEY)
    assert len(server.received) == 1


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_https_needs_a_certificate_of_a_known_authority(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    with serving(tls=authority.context("localhost")) as server:
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)  # the developer's own
        monkeypatch.setenv(variable, str(authority.file))
        server.next[:] = [OK, OK]
        with closing(LeanClient.of_environment()) as client:
            assert client.put_item(TableName=TABLE, Item=ITEM) == {}
            assert client.put_item(TableName=TABLE, Item=ITEM) == {}
        assert server.connections == 1
        other_name = server.url.replace("localhost", "127.0.0.1")
        for name, value in (("AWS_ENDPOINT_URL_DYNAMODB", other_name), (variable, "")):
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                    LeanClient.of_environment().once().put_item(TableName=TABLE, Item=ITEM)


def test_a_certificate_of_an_authority_of_the_system_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    for variable in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with (
        serving(tls=authority.context("localhost")) as server,
        closing(LeanClient.of_environment().once()) as refused,
        closing(LeanClient.of_environment().once()) as client,
    ):
        with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            refused.put_item(TableName=TABLE, Item=ITEM)
        # OpenSSL reads this when it loads the system's.
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        server.next[:] = [OK]
        assert client.put_item(TableName=TABLE, Item=ITEM) == {}
