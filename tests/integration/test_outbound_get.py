"""Files at URLs that users chose: what is fetched, byte for byte, and what is refused."""

import gzip
from random import Random

import pytest

from errata.outbound import get
from errata.outbound.get import FetchError
from errata.outbound.guard import ForbiddenUrlError, check_url
from tests.support.receiver import Behaviour, file, receiver, response

MOVED = response(302, Location="/hook")
# Several parts, and more of them if it is unpacked.
LARGE = Random(1).randbytes(200_000)


def fetched(*behaviours: Behaviour, most_bytes: int = 200_000) -> bytes:
    with receiver(*behaviours) as there:
        return get.get(there.url, most_bytes, allow_loopback=True)


@pytest.mark.parametrize(
    "sent",
    [
        file(LARGE),
        file(gzip.compress(LARGE), Content_Encoding="gzip"),
        file(gzip.compress(LARGE), Content_Encoding=" X-GZIP "),
        file(LARGE, Content_Encoding="identity"),
    ],
    ids=["plain", "gzip", "x-gzip", "identity"],
)
def test_a_file_of_the_most_bytes_comes_whole_and_a_larger_one_is_refused(sent: Behaviour) -> None:
    assert fetched(sent, most_bytes=len(LARGE)) == LARGE
    with pytest.raises(FetchError, match=r"It is larger than 0 MB\."):
        fetched(sent, most_bytes=len(LARGE) - 1)


def test_three_redirects_are_followed_and_no_fourth() -> None:
    assert fetched(MOVED, MOVED, MOVED, file(b"{}")) == b"{}"
    with pytest.raises(FetchError, match="redirects more than 3 times"):
        fetched(MOVED, MOVED, MOVED, MOVED, file(b"{}"))


def test_a_request_asks_for_gzip_and_says_who_asks() -> None:
    with receiver(file(b"{}")) as there:
        get.get(there.url, 9, allow_loopback=True)
    (request,) = there.received
    wanted = {"accept-encoding": "gzip", "user-agent": "Errata", "connection": "close"}
    assert {name: request.headers.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (response(302, Location="http://[::1/x"), "The server redirects to no valid URL."),
        (file(b"", Content_Encoding="b" * 30), f"The server sent the encoding {'b' * 20!r}."),
    ],
)
def test_a_refusal_says_why(sent: Behaviour, why: str) -> None:
    with pytest.raises(FetchError) as refused:
        fetched(sent)
    assert str(refused.value) == why


def test_loopback_is_refused_unless_it_is_asked_for() -> None:
    url = "http://127.0.0.1:9/"
    with pytest.raises(ForbiddenUrlError):
        get.get(url, 9)
    with pytest.raises(ForbiddenUrlError):
        check_url(url)
    assert check_url(url, allow_loopback=True).port == 9
