"""The small client of S3 signs like botocore, and reads the responses of S3."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from errata.errors import UnavailableError
from errata.store.connections import AwsResponse, BrokenResponseError
from errata.store.lean_s3 import LeanS3

AT_S = 1_796_000_000


class FakeConnections:
    """Stands for the connections to a server: gives responses in turn, and keeps the requests."""

    host = "maps.s3.eu-central-1.amazonaws.com"

    def __init__(self, *responses: Any) -> None:
        self._responses = list(responses)
        self.requests: list[bytes] = []

    def exchange(self, request: bytes, _now: float) -> AwsResponse:
        self.requests.append(request)
        found = self._responses.pop(0)
        if isinstance(found, Exception):
            raise found
        return AwsResponse(found[0], {}, found[1])


def client(*responses: Any) -> tuple[LeanS3, FakeConnections]:
    connections: Any = FakeConnections(*responses)
    return LeanS3("eu-central-1", connections, "/"), connections


@pytest.mark.parametrize("token", ["", "a/session+token="])
def test_a_request_is_signed_as_botocore_signs_it(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    s3, _ = client()
    head, _, _ = s3._signed("maps/12/ab c", "bytes=0-99", AT_S).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "GET /maps/12/ab%20c HTTP/1.1"
    headers = dict(line.split(":", 1) for line in lines)
    request = AWSRequest("GET", f"https://{headers['host']}/maps/12/ab%20c")
    request.headers["range"] = headers["range"]
    request.headers["x-amz-content-sha256"] = headers["x-amz-content-sha256"]
    request.context["timestamp"] = datetime.fromtimestamp(AT_S, UTC).strftime("%Y%m%dT%H%M%SZ")
    auth = S3SigV4Auth(Credentials("test", "test", token or None), "s3", "eu-central-1")
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = headers["x-amz-security-token"]
    canonical = auth.canonical_request(request)
    expected = auth.signature(auth.string_to_sign(request, canonical), request)
    assert headers["authorization"].endswith(f"Signature={expected}")


def test_a_range_of_an_object_is_read_and_a_missing_object_is_none() -> None:
    s3, connections = client((206, b"part"), (404, b""))
    assert s3.read("maps/1/a", 10, 14) == b"part"
    assert b"\r\nrange:bytes=10-13\r\n" in connections.requests[0]
    assert s3.read("maps/1/a", 10, 14) is None


def test_a_failure_is_retried_once_and_a_refusal_is_not() -> None:
    s3, _ = client((503, b""), (206, b"part"), OSError("reset"), (200, b"part"))
    assert s3.read("k", 0, 4) == s3.read("k", 0, 4) == b"part"
    s3, connections = client((403, b""), BrokenResponseError("x"), (500, b""))
    with pytest.raises(UnavailableError, match="with 403"):
        s3.read("k", 0, 4)
    assert len(connections.requests) == 1
    with pytest.raises(UnavailableError, match="with 500"):
        s3.read("k", 0, 4)


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3, connections = client()
    with pytest.raises(UnavailableError, match="is not set"):
        s3.read("k", 0, 4)
    assert connections.requests == []


@pytest.mark.parametrize(
    ("endpoint", "region", "host", "folder"),
    [
        ("", "cn-north-1", "maps.s3.cn-north-1.amazonaws.com.cn", "/"),
        ("http://127.0.0.1:4566", "us-east-1", "127.0.0.1:4566", "/maps/"),
    ],
)
def test_the_address_is_that_of_the_region_or_the_endpoint(
    endpoint: str, region: str, host: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", region)
    s3 = LeanS3.of_environment("maps")
    head = s3._signed("k", "bytes=0-1", AT_S).decode()
    assert head.startswith(f"GET {folder}k HTTP/1.1\r\nhost:{host}\r\n")
