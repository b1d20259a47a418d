"""A small DynamoDB client on the standard library, because botocore needs most of the CPU time.

It has the operations that the functions use, with botocore's arguments and responses (without
`ResponseMetadata`), and raises the errors of the store. Its time-outs, attempts and retried errors
are those of botocore's standard mode (docs/decisions/0036-lean-dynamodb-client.md).

Sources: "DynamoDB low-level API", "Error handling with DynamoDB", "Create a signed AWS API
request".
"""

import base64
import hashlib
import hmac
import json
import os
import random
import time
import zlib
from typing import Any, Self

from errata.errors import StoreError, UnavailableError
from errata.store.aws_errors import error_of_response, no_response
from errata.store.connections import BrokenResponseError, Connections, Response

ATTEMPTS = 3
# The longest wait before the second attempt, in seconds. It doubles with each attempt.
_PAUSE_S = 0.025
_PAUSE_IF_THROTTLED_S = 1.0
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
# Errors of a signature with the wrong time. AWS accepts 5 minutes (DynamoDB) to 15.
_SKEWED = {
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_MAX_SKEW_S = 240
# Beginnings of the regions whose endpoints are in another domain than amazonaws.com.
_DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}
_TYPE = "application/x-amz-json-1.0"


class LeanClient:
    """A DynamoDB client. Its methods take the keyword arguments of botocore's methods."""

    def __init__(self, signer: "Signer", connections: Connections, attempts: int) -> None:
        self._signer, self._connections, self._attempts = signer, connections, attempts

    @classmethod
    def of_environment(cls) -> Self:
        """Return a client for the region and endpoint that the environment variables name."""
        env = os.environ.get
        region = env("AWS_REGION") or env("AWS_DEFAULT_REGION") or ""
        url = env("AWS_ENDPOINT_URL_DYNAMODB") or env("AWS_ENDPOINT_URL") or endpoint(region)
        connections = Connections(url)
        return cls(Signer(region, connections.host), connections, ATTEMPTS)

    def once(self) -> Self:
        """Return a client that sends each request once, over the same connections."""
        return type(self)(self._signer, self._connections, 1)

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
        attempt = 1
        while True:
            signed_s = time.time() + self._signer.skew_s
            try:
                response = self._exchange(operation, body, signed_s)
                if response.status == 200:
                    return _decoded(response.body)
            except (OSError, BrokenResponseError, ValueError) as error:
                if attempt == self._attempts:
                    raise no_response(operation, error) from error
                most_s: float | None = _PAUSE_S
            else:
                failure = _error(operation, response)
                most_s = self._pause_s(failure.code, response, signed_s)
                if most_s is None or attempt == self._attempts:
                    raise failure
            time.sleep(random.uniform(0, most_s * 2 ** (attempt - 1)))  # noqa: S311 - not a secret
            attempt += 1

    def _exchange(self, operation: str, body: bytes, signed_s: float) -> Response:
        request = self._signer.signed(f"DynamoDB_20120810.{operation}", body, signed_s)
        response = self._connections.exchange(request, time.time())
        checksum = response.headers.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(response.body)):
            raise BrokenResponseError("the checksum of the response does not match")
        return response

    def _pause_s(self, code: str, response: Response, signed_s: float) -> float | None:
        """Return the longest pause before the next attempt. None: another attempt is useless."""
        if code in _THROTTLED or response.status == 429:
            return _PAUSE_IF_THROTTLED_S
        if code in _TRANSIENT or response.status in _TRANSIENT_STATUS:
            return _PAUSE_S
        if code in _SKEWED and self._signer.adjust(response.headers.get("date", ""), signed_s):
            return _PAUSE_S
        return None


class Signer:
    """Makes signed requests (Signature Version 4) with the credentials in the environment.

    `skew_s` is by how much AWS's clock is ahead of ours.
    """

    def __init__(self, region: str, host: str) -> None:
        self._region, self._host = region, host
        self.skew_s = 0.0
        self._cached = ("", "", b"")

    def signed(self, target: str, body: bytes, at_s: float) -> bytes:
        """Return a request, ready to be sent. `target` names the operation."""
        # Lambda may replace them in the environment.
        key_id = os.environ.get("AWS_ACCESS_KEY_ID", "")
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        token = os.environ.get("AWS_SESSION_TOKEN", "")
        if not (key_id and secret):
            raise UnavailableError("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set.")
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))
        headers = {"content-type": _TYPE, "host": self._host, "x-amz-date": timestamp}
        if token:
            headers["x-amz-security-token"] = token
        headers["x-amz-target"] = target
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        names = ";".join(headers)
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{timestamp[:8]}/{self._region}/dynamodb/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(secret, timestamp[:8]), text.encode(), "sha256").hex()
        head = (
            f"POST / HTTP/1.1\n{lines}authorization:AWS4-HMAC-SHA256 Credential={key_id}/{scope},"
            f" SignedHeaders={names}, Signature={signature}\n"
            f"content-length:{len(body)}\nuser-agent:errata\n\n"
        )
        return head.replace("\n", "\r\n").encode() + body

    def _key(self, secret: str, day: str) -> bytes:
        if self._cached[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._cached = (secret, day, key)
        return self._cached[2]

    def adjust(self, date: str, signed_s: float) -> bool:
        """Use AWS's clock from now on if a signature was minutes away from it. Return whether.

        `date` is the header of AWS's response. Our clock may be wrong. Or Lambda has suspended the
        process between the signature and the response.
        """
        from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

        try:
            date_s = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return False
        if abs(date_s - signed_s) <= _MAX_SKEW_S:
            return False
        self.skew_s = date_s - time.time()
        return True


def endpoint(region: str) -> str:
    """Return the URL of DynamoDB in a region."""
    others = [name for start, name in _DOMAINS.items() if region.startswith(start)]
    return f"https://dynamodb.{region}.{others[0] if others else 'amazonaws.com'}"


def _error(operation: str, response: Response) -> StoreError:
    """Return the error of an error response. A proxy's response may be no JSON."""
    details: Any
    try:
        details = _decoded(response.body)
    except ValueError:
        details = {"message": response.body[:1000].decode("utf-8", "replace")}
    # Such as `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`.
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
        ValueError: it is no JSON object.
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
