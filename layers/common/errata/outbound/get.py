"""GET a file from a URL that a user chose (`errata.outbound.guard`), within bounds.

Each redirect is checked as the first URL is. Nothing of Errata goes along: no cookies, no keys.
"""

import http.client
import time
import zlib
from urllib.parse import SplitResult, urljoin

from errata.outbound.guard import check_url, connected, target

TIMEOUT_S = 20.0
MAX_REDIRECTS = 3
_PART = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "Errata", "Connection": "close"}


class FetchError(Exception):
    """The file was not fetched. The message says why, in a sentence."""


def get(
    url: str, most_bytes: int, *, allow_loopback: bool = False, timeout_s: float = TIMEOUT_S
) -> bytes:
    """Return the file at a URL, unpacked, of at most `most_bytes`.

    Takes at most `timeout_s` seconds, with all redirects.

    Raises:
        FetchError: the response is no such file.
        ForbiddenUrlError: the URL, or one that it redirects to, is not allowed.
        OSError, http.client.HTTPException: no response. TimeoutError: none by the deadline.
    """
    deadline = time.monotonic() + timeout_s
    for _ in range(MAX_REDIRECTS + 1):
        parts = check_url(url, allow_loopback)
        with connected(parts, deadline, allow_loopback) as connection:
            connection.request("GET", target(parts), headers=_HEADERS)
            response = connection.getresponse()
            if response.status not in _REDIRECTS:
                return _content(response, most_bytes)
            url = _redirected(parts, response)
    raise FetchError(f"The server redirects more than {MAX_REDIRECTS} times.")


def _redirected(parts: SplitResult, response: http.client.HTTPResponse) -> str:
    location = response.getheader("Location")
    if not location:
        raise FetchError(f"The server responded with {response.status} and no location.")
    try:
        return urljoin(parts.geturl(), location)
    except ValueError:
        raise FetchError("The server redirects to no valid URL.") from None


def _content(response: http.client.HTTPResponse, most: int) -> bytes:
    """Return the body of a response, unpacked."""
    if response.status != 200:
        raise FetchError(f"The server responded with {response.status}.")
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"The server sent the encoding {encoding[:20]!r}.")
    unpacker = None if encoding == "identity" else zlib.decompressobj(31)
    parts: list[bytes] = []
    left = most
    while sent := response.read(_PART):
        try:
            part = unpacker.decompress(sent, left + 1) if unpacker else sent
        except zlib.error:
            raise FetchError("The server sent gzip that cannot be unpacked.") from None
        left -= len(part)
        if left < 0:
            raise FetchError(f"It is larger than {most >> 20} MB.")
        parts.append(part)
        if unpacker and unpacker.eof:
            break
    if unpacker.eof is False if unpacker else response.length:
        raise FetchError("The response was cut short.")
    return b"".join(parts)
