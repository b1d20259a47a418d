"""POST to an address that a user chose, without letting it reach what only we can reach.

The rules (OWASP, "Server Side Request Forgery Prevention"): https alone, every address that the
name resolves to must be global unicast, the connection goes to the address that was checked, with
the original Host and SNI, no redirects, no proxies, one deadline for everything, and of the answer
the head alone is read.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Buffer, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 15.0
MAX_URL_LENGTH = 2000
# The prefix of NAT64 (RFC 6052, RFC 8215): an IPv4 address in IPv6's clothes.
_NAT64 = [ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48")]
_6TO4_AND_TEREDO = [ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32")]

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenUrl(ValueError):
    """A URL that is not to be called, whatever it answers; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the header `Retry-After` if it was sent."""

    status: int
    retry_after: str | None


def check_url(url: str, allow_loopback: bool = False) -> SplitResult:
    """The parts of a URL that a webhook may have.

    With `allow_loopback`, for local runs, http to a loopback address is allowed too.

    Raises:
        ForbiddenUrl: says what is wrong with it.
    """
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise ForbiddenUrl(
            f"The URL must be at most {MAX_URL_LENGTH} printable ASCII characters without spaces."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenUrl(f"The URL is not valid: {error}.") from error
    if not parts.hostname or port == 0:
        raise ForbiddenUrl("The URL must name a host.")
    try:
        parts.hostname.encode("idna")  # as the look-up will
    except UnicodeError as error:
        raise ForbiddenUrl(
            "The host is no name: its parts between dots have 1 to 63 characters."
        ) from error
    if parts.username is not None or parts.password is not None:
        raise ForbiddenUrl("The URL must not hold a user name or a password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_loopback):
        raise ForbiddenUrl("The URL must begin with https://.")
    return parts


def is_public(address: Address) -> bool:
    """Whether an address is global unicast, in each of its disguises."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or _behind_nat64(address)
        if embedded is not None:
            return is_public(embedded)
        if address.is_site_local or any(address in network for network in _6TO4_AND_TEREDO):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _behind_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def resolve(host: str, port: int, allow_loopback: bool = False) -> list[str]:
    """The addresses of a host, every one of them checked.

    Raises:
        ForbiddenUrl: one of them is not public.
        OSError: the name does not resolve.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    texts = list(dict.fromkeys(str(each[4][0]) for each in found))
    for text in texts:
        address = ipaddress.ip_address(text)
        # A scope ("fe80::1%eth0") belongs to no global address.
        if not is_public(address) and not (allow_loopback and address.is_loopback):
            raise ForbiddenUrl(f"The host resolves to {text}, which is not a public address.")
    return texts


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_loopback: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Send `body` and return what was answered, within `timeout_s` seconds in all.

    Raises:
        ForbiddenUrl: the URL, or where it leads, is not allowed.
        OSError, http.client.HTTPException: no answer; a TimeoutError past the deadline.
    """
    deadline = time.monotonic() + timeout_s
    parts = check_url(url, allow_loopback)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    addresses = resolve(host, port, allow_loopback)
    if not secure and not all(ipaddress.ip_address(each).is_loopback for each in addresses):
        raise ForbiddenUrl("The URL must begin with https://.")
    connection = http.client.HTTPConnection(host, port)
    connection.sock = _connect(addresses, port, deadline)
    try:
        if secure:
            connection.sock.settimeout(_left(deadline))
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        return _exchange(connection, parts, body, headers, deadline)
    finally:
        connection.close()


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    for position, address in enumerate(addresses, start=1):
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except OSError:
            if position == len(addresses):
                raise
    raise OSError("the name has no address")


def _exchange(
    connection: http.client.HTTPConnection,
    parts: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
) -> Answer:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.sock = _Timed(connection.sock, deadline)
    connection.request("POST", target, body, {**headers, "Connection": "close"})
    answer = connection.getresponse()
    retry_after = answer.getheader("Retry-After")
    return Answer(answer.status, retry_after)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Timed:
    """As much of a socket as http.client uses, with one deadline for all that is sent and read.

    A socket's own timeout begins anew with each byte, which a slow peer can draw out for ever.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
