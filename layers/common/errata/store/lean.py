"""A small DynamoDB client on the standard library, because botocore needs most of the CPU time.

It has the operations that the functions use, with botocore's arguments and responses (without
`ResponseMetadata`), and raises the errors of the store. Its time-outs, attempts and retried errors
are those of botocore's standard mode (docs/decisions/0041-lean-dynamodb-client.md).

Sources: "DynamoDB low-level API", "Error handling with DynamoDB", "Create a signed AWS API
request".
"""

import base64
import json
import os
import random
import time
import zlib
from typing import Any, NamedTuple, Self

from errata.errors import StoreError
from errata.store.aws_errors import error_of_response, no_response
from errata.store.connections import AwsResponse, BrokenResponseError, Connections
from errata.store.signer import Signer

ATTEMPTS = 3
_TYPE = "application/x-amz-json-1.0"


class _Wait(NamedTuple):
    """A wait before a retry. `most_s` doubles each time. `tokens` is its cost in `RetryQuota`."""

    most_s: float
    tokens: int


_SHORT_WAIT = _Wait(0.025, 14)
_WAIT_IF_THROTTLED = _Wait(1.0, 5)
_MOST_TOKENS = 500
_THROTTLED = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_TRANSIENT = {"ReplicatedWriteConflictException", "RequestTimeout", "RequestTimeoutException"}
_TRANSIENT_STATUS = {500, 502, 503, 504}
# Errors of a signature with the wrong time.
_SKEWED = {
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
# Prefixes of the regions whose endpoints are not in the domain amazonaws.com.
_DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}


class LeanClient:
    """A DynamoDB client. Its methods take the keyword arguments of botocore's methods."""

    # What the header X-Amz-Target begins with.
    target = "DynamoDB_20120810"

    def __init__(
        self, signer: Signer, connections: Connections, quota: "RetryQuota", attempts: int
    ) -> None:
        self._signer, self._connections = signer, connections
        self._quota, self._attempts = quota, attempts

    @classmethod
    def of_environment(cls) -> Self:
        """Return a client for the region and endpoint that the environment variables name."""
        env = os.environ.get
        region = env("AWS_REGION") or env("AWS_DEFAULT_REGION") or ""
        url = env("AWS_ENDPOINT_URL_DYNAMODB") or env("AWS_ENDPOINT_URL") or endpoint(region)
        connections = Connections(url)
        return cls(
            Signer(region, connections.host, "dynamodb"), connections, RetryQuota(), ATTEMPTS
        )

    def once(self) -> Self:
        """Return a client that sends each request once, over the same connections."""
        return type(self)(self._signer, self._connections, self._quota, 1)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()

    def batch_get_item(self, **request: Any) -> Any:
        """Call BatchGetItem."""
        return self._call("BatchGetItem", request)

    def batch_write_item(self, **request: Any) -> Any:
        """Call BatchWriteItem."""
        return self._call("BatchWriteItem", request)

    def delete_item(self, **request: Any) -> Any:
        """Call DeleteItem."""
        return self._call("DeleteItem", request)

    def get_item(self, **request: Any) -> Any:
        """Call GetItem."""
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> Any:
        """Call PutItem."""
        return self._call("PutItem", request)

    def query(self, **request: Any) -> Any:
        """Call Query."""
        return self._call("Query", request)

    def transact_get_items(self, **request: Any) -> Any:
        """Call TransactGetItems."""
        return self._call("TransactGetItems", request)

    def transact_write_items(self, **request: Any) -> Any:
        """Call TransactWriteItems. Its token makes DynamoDB apply repeated attempts once."""
        return self._call(
            "TransactWriteItems", {"ClientRequestToken": os.urandom(16).hex(), **request}
        )

    def update_item(self, **request: Any) -> Any:
        """Call UpdateItem."""
        return self._call("UpdateItem", request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        body = _ENCODER.encode(request).encode()
        attempt = tokens = 1
        while True:
            signed_s = time.time() + self._signer.skew_s
            try:
                response = self._exchange(operation, body, signed_s)
                if response.status == 200:
                    found = _decoded(response.body)
                    self._quota.give(tokens)
                    return found
            except (OSError, BrokenResponseError, ValueError) as error:
                failure: StoreError = no_response(operation, error)
                failure.__cause__ = error
                wait: _Wait | None = _SHORT_WAIT
            else:
                failure = _error(operation, response)
                wait = self._wait(failure.code, response, signed_s)
            if wait is None or attempt == self._attempts or not self._quota.take(wait.tokens):
                raise failure
            most_s, tokens = wait.most_s * 2 ** (attempt - 1), wait.tokens
            time.sleep(random.uniform(0, most_s))  # noqa: S311 - not a secret
            attempt += 1

    def _exchange(self, operation: str, body: bytes, signed_s: float) -> AwsResponse:
        headers = {"content-type": _TYPE, "x-amz-target": f"{self.target}.{operation}"}
        request = self._signer.signed("POST /", headers, body, signed_s)
        response = self._connections.exchange(request, time.time())
        checksum = response.headers.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(response.body)):
            raise BrokenResponseError("the checksum of the response does not match")
        return response

    def _wait(self, code: str, response: AwsResponse, signed_s: float) -> _Wait | None:
        """Return the wait before another attempt, None if that would be useless."""
        if code in _THROTTLED or response.status == 429:
            return _WAIT_IF_THROTTLED
        if code in _TRANSIENT or response.status in _TRANSIENT_STATUS:
            return _SHORT_WAIT
        if code in _SKEWED and self._signer.adjust(response.headers.get("date", ""), signed_s):
            return _SHORT_WAIT
        return None


class RetryQuota:
    """Tokens for retries. A process whose calls keep failing soon stops repeating them.

    If threads change it at the same moment, a few tokens may be lost, which does no harm.
    """

    def __init__(self) -> None:
        self._tokens = _MOST_TOKENS

    def take(self, tokens: int) -> bool:
        """Take tokens for an attempt. Return whether there are enough."""
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True

    def give(self, tokens: int) -> None:
        """Give tokens back after a success."""
        self._tokens = min(_MOST_TOKENS, self._tokens + tokens)


def endpoint(region: str) -> str:
    """Return the URL of DynamoDB in a region."""
    return f"https://dynamodb.{region}.{domain(region)}"


def domain(region: str) -> str:
    """Return the domain of AWS's endpoints in a region."""
    others = [name for start, name in _DOMAINS.items() if region.startswith(start)]
    return others[0] if others else "amazonaws.com"


def _error(operation: str, response: AwsResponse) -> StoreError:
    """Return the error of an error response. The response of a proxy may not be JSON."""
    details: Any
    try:
        details = _decoded(response.body)
    except ValueError:
        details = {"message": response.body[:1000].decode("utf-8", "replace")}
    # Example: `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`.
    code = str(details.get("__type") or response.status).partition(":")[0].rpartition("#")[2]
    message = details.get("message", details.get("Message", ""))
    message = f"An error occurred ({code}) when calling the {operation} operation: {message}"
    return error_of_response(operation, response.status, code, message, details)


def _base64(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"no attribute value: {type(value).__name__}")
    return base64.b64encode(value).decode()


_ENCODER = json.JSONEncoder(default=_base64, separators=(",", ":"))


def _decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a response, with bytes where DynamoDB sends Base64.

    Raises:
        ValueError: it is not a JSON object.
    """
    # Most responses have no bytes, and the hook makes the parser slow.
    hook = _with_bytes if b'"B"' in body or b'"BS"' in body else None
    found = json.loads(body, object_hook=hook)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return {name: value for name, value in found.items() if value is not None}


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Decode an attribute value of type B or BS. Any other JSON object is returned unchanged.

    An attribute may be named B. Then it has an object here, and not a text.
    """
    if isinstance(text := value.get("B"), str):
        return {"B": base64.b64decode(text)}
    if isinstance(texts := value.get("BS"), list):
        return {"BS": [base64.b64decode(text) for text in texts]}
    return value
