"""Requests to URLs that users chose: what is fetched, byte for byte, and what is refused."""

import gzip
import socket
import threading
import time
import zlib
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from errata.outbound import get
from errata.outbound.get import FetchError
from errata.outbound.guard import ForbiddenUrlError, check_url, connected, resolve
from errata.outbound.post import post
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
def test_a_file_of_the_maximum_size_is_read_and_a_larger_one_is_refused(sent: Behaviour) -> None:
    assert fetched(sent, most_bytes=len(LARGE)) == LARGE
    with pytest.raises(FetchError, match=r"It is larger than 0 MB\."):
        fetched(sent, most_bytes=len(LARGE) - 1)


def test_the_error_for_a_file_that_is_too_large_names_the_limit() -> None:
    with pytest.raises(FetchError, match=r"It is larger than 3 MB\."):
        fetched(file(b"x" * (3 * 2**20 + 1)), most_bytes=3 * 2**20)


def test_three_redirects_are_followed_and_no_fourth() -> None:
    assert fetched(MOVED, MOVED, MOVED, file(b"{}")) == b"{}"
    with pytest.raises(FetchError, match="redirects more than 3 times"):
        fetched(MOVED, MOVED, MOVED, MOVED, file(b"{}"))


def test_a_request_accepts_gzip_and_has_errata_as_user_agent() -> None:
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
        (
            file(zlib.compress(b"{}"), Content_Encoding="gzip"),
            "The server sent gzip that cannot be unpacked.",
        ),
    ],
)
def test_an_unusable_response_is_refused_with_the_reason(sent: Behaviour, why: str) -> None:
    with pytest.raises(FetchError) as refused:
        fetched(sent)
    assert str(refused.value) == why


def test_loopback_is_refused_unless_it_is_allowed() -> None:
    url = "http://127.0.0.1:9/"
    with pytest.raises(ForbiddenUrlError):
        get.get(url, 9)
    with pytest.raises(ForbiddenUrlError):
        post(url, b"", {})
    with pytest.raises(ForbiddenUrlError):
        check_url(url)
    with pytest.raises(ForbiddenUrlError):
        resolve("localhost", time.monotonic() + 9, allow_loopback=False)
    assert check_url(url, allow_loopback=True).port == 9


@pytest.mark.parametrize(
    ("status", "asked", "read"),
    [(200, True, b""), (400, True, b"no"), (503, True, b"no"), (400, False, b"")],
)
def test_the_body_of_an_error_response_is_read_only_on_request(
    status: int, asked: bool, read: bytes
) -> None:
    with receiver(file(b"no", status)) as there:
        sent = post(there.url, b"{}", {}, allow_loopback=True, reads_refusal=asked)
        assert post(there.url, b"{}", {}, allow_loopback=True).refusal == b""
    assert (sent.status, sent.refusal) == (status, read)


def test_a_kilobyte_of_the_body_of_an_error_response_is_read() -> None:
    with receiver(file(b"x" * 2_000, 400)) as there:
        sent = post(there.url, b"{}", {}, allow_loopback=True, reads_refusal=True)
    assert sent.refusal == b"x" * 1_024


def test_the_body_of_an_error_response_that_does_not_arrive_in_time_is_empty() -> None:
    ended = threading.Event()

    def respond(request: Any) -> None:
        request.send_response(400)
        request.send_header("Content-Length", "2")
        request.end_headers()
        ended.wait(10)

    with receiver(respond) as there:
        sent = post(there.url, b"{}", {}, allow_loopback=True, reads_refusal=True, timeout_s=0.2)
        ended.set()
    assert (sent.status, sent.refusal) == (400, b"")


def test_a_request_ends_at_its_deadline_if_the_server_does_not_read_it() -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"

        def read_late() -> None:
            peer, _ = server.accept()
            with peer:
                ended.wait(10)
                while peer.recv(2**20):
                    pass

        reader = threading.Thread(target=read_late)
        reader.start()
        deadline = time.monotonic() + 0.3
        with (
            connected(urlsplit(url), deadline, allow_loopback=True) as connection,
            pytest.raises(TimeoutError),
        ):
            connection.sock.sendall(b"x" * 30_000_000)
        ended.set()
        reader.join()
