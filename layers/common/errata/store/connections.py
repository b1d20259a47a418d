"""Keep HTTP/1.1 connections to one AWS server open, and send requests through them.

A response must have a `Content-Length`, as those of DynamoDB, SQS and S3 have. Anything else is an
error. The standard library's `http.client` reads more, but it imports and uses the parser for
mails, which takes about half as long as all other imports of a function.
"""

import os
import select
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from errata.store.authorities import AMAZON

CONNECT_S = 1
READ_S = 2
# Seconds to keep a connection. It leads to one address, but the server's addresses change in DNS.
_LIFETIME_S = 300
# DynamoDB returns at most 16 MB of items (BatchGetItem), as JSON.
_MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 128 * 1024
# Variables that name the certificate authorities, in place of AWS's.
_NAMED = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class BrokenResponseError(Exception):
    """The server closed the connection too early, or sent an invalid HTTP response."""


@dataclass(frozen=True, slots=True)
class AwsResponse:
    """A complete response of an AWS service. The names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """The connections to one server. Several threads may use them at once.

    Each request has a connection for itself. After the response, the next request of any thread may
    use it.
    """

    def __init__(self, url: str) -> None:
        """Read the server's URL. Load the certificate authorities if it is https.

        AWS_CA_BUNDLE, SSL_CERT_FILE or SSL_CERT_DIR may name them. If none does, AWS's are loaded,
        and the system's as soon as a server has a certificate of another one.
        """
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if tls else 80)
        self._tls: ssl.SSLContext | None = None
        self._knows_all = any(map(os.environ.get, _NAMED))
        if tls and self._knows_all:
            self._tls = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        elif tls:
            self._tls = ssl.create_default_context(cadata=AMAZON)
        # As in the header Host, which is signed.
        self.host = parts.netloc.rpartition("@")[2].lower()
        if parts.port == (443 if tls else 80):
            self.host = self.host.rpartition(":")[0]
        self._idle: list[_Connection] = []

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def exchange(self, request: bytes, now: float) -> AwsResponse:
        """Send a request once, and return the response. `now` is the time in seconds.

        Raises:
            OSError, BrokenResponseError: there is no response. The server may have got the request.
        """
        connection = self._take(now)
        try:
            response = connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _take(self, now: float) -> "_Connection":
        """Return a kept connection that is still open, or else a new one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect(now)
            # The clock may have been set back.
            if 0 <= now - connection.since < _LIFETIME_S and connection.open():
                return connection
            connection.close()

    def _connect(self, now: float) -> "_Connection":
        try:
            return _Connection(self._name, self._port, self._tls, now)
        except ssl.SSLCertVerificationError:
            if self._knows_all:
                raise
        self._tls, self._knows_all = ssl.create_default_context(), True
        return _Connection(self._name, self._port, self._tls, now)


class _Connection:
    def __init__(self, name: str, port: int, tls: ssl.SSLContext | None, now: float) -> None:
        self.since = now
        self.reusable = False
        self._socket = socket.create_connection((name, port), CONNECT_S)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self._socket = tls.wrap_socket(self._socket, server_hostname=name)
            self._socket.settimeout(READ_S)
        except BaseException:
            self._socket.close()
            raise
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)

    def open(self) -> bool:
        """Return whether the connection is still open and has no unexpected bytes."""
        return not self._readable.poll(0)

    def close(self) -> None:
        self._socket.close()

    def exchange(self, request: bytes) -> AwsResponse:
        self.reusable = False
        self._socket.sendall(request)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            if len(received) > _MAX_HEAD_BYTES:
                raise BrokenResponseError("headers without an end")
            self._receive(received)
        first, *lines = received[:end].decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        status, length = _status(first), _length(headers)
        del received[: end + 4]
        while len(received) < length:
            self._receive(received)
        # Bytes after the response belong to no request, so the connection is not used again.
        complete = len(received) == length
        kept = first.startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
        self.reusable = complete and kept
        return AwsResponse(status, headers, bytes(received[:length]))

    def _receive(self, received: bytearray) -> None:
        chunk = self._socket.recv(_CHUNK_BYTES)
        if not chunk:
            raise BrokenResponseError("the connection was closed before the end of the response")
        received += chunk


def _status(first: str) -> int:
    """Return the status of a response's first line: `HTTP/1.1 200 OK`."""
    version, _, rest = first.partition(" ")
    if not (version.startswith("HTTP/1.") and rest[:3].isascii() and rest[:3].isdecimal()):
        raise BrokenResponseError("no HTTP status")
    return int(rest[:3])


def _length(headers: dict[str, str]) -> int:
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal()):
        raise BrokenResponseError("a response without Content-Length")
    if int(length) > _MAX_BODY_BYTES:
        raise BrokenResponseError(f"a response of {length} bytes")
    return int(length)
