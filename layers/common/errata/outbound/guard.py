"""Connect to a URL that a user chose, protected against server-side request forgery (SSRF).

The rules (OWASP, "Server Side Request Forgery Prevention"): only https. Every address that the name
resolves to must be global unicast. The connection goes to the checked address, with the original
Host and SNI. No proxies. One deadline for everything.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Buffer, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_URL_LENGTH = 2000
# The prefix of NAT64 (RFC 6052): an IPv4 address written as IPv6.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All global unicast addresses (RFC 4291, and IANA's "IPv6 Address Space").
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Networks inside global unicast, and inside IPv4, that are for protocols, lead to IPv4, or lead
# nowhere: IANA's "Special-Purpose Address Registry". The module `ipaddress` calls some of them
# global.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]

# The address of `localhost`, and of all names below it (RFC 6761).
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenUrlError(ValueError):
    """The URL must never be called. The error message says why."""


def check_url(url: str, allow_loopback: bool = False) -> SplitResult:
    """Check that a URL is allowed. Return its parts.

    `allow_loopback` is for local runs: it also allows http to a loopback address.

    Raises:
        ForbiddenUrlError: the URL is not allowed; the message says why.
    """
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise ForbiddenUrlError(
            f"The URL must be at most {MAX_URL_LENGTH} printable ASCII characters without spaces."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenUrlError(f"The URL is not valid: {error}.") from error
    if not parts.hostname or port == 0:
        raise ForbiddenUrlError("The URL must name a host.")
    try:
        parts.hostname.encode("idna")  # as the name resolution does
    except UnicodeError as error:
        raise ForbiddenUrlError(
            "The host name is invalid: each part between dots must have 1 to 63 characters."
        ) from error
    name = parts.hostname.rstrip(".")
    literal = _LOOPBACK if name == "localhost" or name.endswith(".localhost") else _literal(name)
    if literal and not _is_allowed(literal, allow_loopback):
        raise ForbiddenUrlError(f"The host {parts.hostname} is not a public address.")
    if parts.username is not None:  # "" if there is only a password
        raise ForbiddenUrlError("The URL must not contain a user name or a password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_loopback):
        raise ForbiddenUrlError("The URL must begin with https://.")
    return parts


def _literal(host: str) -> Address | None:
    """Return the address that a host name is, in any spelling that name resolution knows."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Also 127.1, 2130706433 and 0x7f000001.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_allowed(address: Address, allow_loopback: bool) -> bool:
    return is_public(address) or (allow_loopback and address.is_loopback)


def is_public(address: Address) -> bool:
    """Return whether an address is global unicast. An IPv4 address may be written as IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(address.packed[-4:]))
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def resolve(host: str, deadline: float, allow_loopback: bool) -> list[str]:
    """Return the addresses of a host. Check that each one is allowed.

    Raises:
        ForbiddenUrlError: an address is not public.
        OSError: the name does not resolve. TimeoutError: it did not resolve by the deadline.
    """
    found = _look_up(host, deadline)
    texts = list(dict.fromkeys(str(each[4][0]) for each in found))
    for text in texts:
        address = ipaddress.ip_address(text)
        # A scope ("fe80::1%eth0") belongs to no global address.
        if not _is_allowed(address, allow_loopback):
            raise ForbiddenUrlError(f"The host resolves to {text}, which is not a public address.")
    return texts


def _look_up(host: str, deadline: float) -> list[Any]:
    # The system's resolver has no timeout, so run it in a separate thread, which may run past the
    # deadline. Do not use an executor: the end of the process would wait for its threads.
    found: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except Exception as error:
            found.set_exception(error)

    Thread(target=look_up, daemon=True).start()
    return found.result(_left(deadline))


@contextmanager
def connected(
    parts: SplitResult, deadline: float, allow_loopback: bool
) -> Iterator[http.client.HTTPConnection]:
    """Return an open connection to the host of a URL that `check_url` has checked.

    `deadline` is the time by `time.monotonic` at which each read and write of it fails.

    Raises:
        ForbiddenUrlError: an address that the URL resolves to is not allowed.
        OSError: there is no connection. TimeoutError: there is none by the deadline.
    """
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    default_port = 443 if secure else 80
    port = parts.port or default_port
    addresses = resolve(host, deadline, allow_loopback)
    if not secure and not all(ipaddress.ip_address(each).is_loopback for each in addresses):
        raise ForbiddenUrlError("The URL must begin with https://.")
    connection = http.client.HTTPConnection(host, port)
    connection.default_port = default_port  # the header Host leaves this port out
    sock = _connect(addresses, port, deadline)
    try:
        if secure:
            sock.settimeout(_left(deadline))
            context = ssl.create_default_context()
            sock = context.wrap_socket(sock, server_hostname=host)
        timed: Any = _Timed(sock, deadline)
        connection.sock = timed
        yield connection
    finally:
        connection.close()
        sock.close()


def target(parts: SplitResult) -> str:
    """Return the request target of a URL: its path and its query."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    for position, address in enumerate(addresses, start=1):
        try:
            return socket.create_connection((address, port), timeout=_left(deadline))
        except OSError:
            if position == len(addresses):
                raise
    raise OSError("the name has no address")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Timed:
    """The part of a socket that http.client uses, with one deadline for all reads and writes.

    A socket's own timeout starts again with each byte. So a slow peer could keep the connection
    open forever.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, content: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_SocketReader(self._sock, self._deadline))

    def close(self) -> None:
        """Do nothing: http.client closes it after the headers. The body may come later."""


class _SocketReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
