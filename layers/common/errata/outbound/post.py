"""POST to a URL that a user chose (`errata.outbound.guard`).

No redirects. Only the status and the headers of the response are read, and if asked, the first
bytes of a refusal.
"""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass

from errata.outbound.guard import check_url, connected, target

TIMEOUT_S = 15.0
_MAX_REFUSAL = 1_024


@dataclass(frozen=True, slots=True)
class PostResponse:
    """The response to a POST: its status, and its header `Retry-After` or None.

    `refusal` has the first bytes of the body of a refusal, if the caller has asked for them.
    """

    status: int
    retry_after: str | None
    refusal: bytes = b""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_loopback: bool = False,
    timeout_s: float = TIMEOUT_S,
    reads_refusal: bool = False,
) -> PostResponse:
    """Send `body` and return the response, within `timeout_s` seconds in total.

    `reads_refusal`: read the first kilobyte of the body of a refusal.

    Raises:
        ForbiddenUrlError: the URL, or an address that it resolves to, is not allowed.
        OSError, http.client.HTTPException: no response. TimeoutError: none by the deadline.
    """
    deadline = time.monotonic() + timeout_s
    parts = check_url(url, allow_loopback)
    with connected(parts, deadline, allow_loopback) as connection:
        connection.request("POST", target(parts), body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        refused = reads_refusal and response.status >= 400
        return PostResponse(
            response.status,
            response.getheader("Retry-After"),
            _read_some(response) if refused else b"",
        )


def _read_some(response: http.client.HTTPResponse) -> bytes:
    """Return the first bytes of a body, b"" if it does not arrive in time."""
    try:
        return response.read(_MAX_REFUSAL)
    except (OSError, http.client.HTTPException):
        return b""
