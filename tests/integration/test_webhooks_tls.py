"""Webhooks over TLS: which receivers get a message, and which do not."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from errata.outbound import post
from errata.store import webhooks as store
from errata.usecases import webhooks
from errata.usecases.deliver import deliver
from tests.support.account import Project
from tests.support.certificates import Authority
from tests.support.receiver import Receiver, receiver
from tests.support.webhooks import attempts, messages

HOST = "hooks.example"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return an authority whose certificates are valid in this process."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@contextmanager
def leading_to(there: Receiver) -> Iterator[list[Any]]:
    """Send calls of the name, at a public address, to this receiver. Yield who was called."""
    called: list[Any] = []
    connect, look_up = socket.create_connection, socket.getaddrinfo

    def resolve(host: str, port: int, *how: Any, **named: Any) -> Any:
        if host != HOST:
            return look_up(host, port, *how, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    def connected(address: Any, timeout: float) -> socket.socket:
        called.append(address)
        return connect(("127.0.0.1", there.port), timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        patch.setattr(socket, "create_connection", connected)
        yield called


def test_a_message_is_delivered_over_tls(busy: Project, trusted: Authority) -> None:
    with receiver(tls=trusted.context("localhost")) as there:
        url = there.url.replace("127.0.0.1", "localhost")
        webhook, secret = webhooks.add(busy.id, url)
        webhooks.test(busy.id, webhook.id)
        (message,) = messages()
        assert deliver(message) is None
        (request,) = there.received
        assert there.names == ["localhost"]
        assert request.headers["host"] == f"localhost:{there.port}"
    Webhook(secret).verify(request.body, dict(request.headers))
    assert [(each.status, each.error) for each in attempts(busy)] == [(200, "")]


@pytest.mark.parametrize(
    ("authority", "host"),
    [(HOST, HOST), (f"{HOST}:443", HOST), (f"{HOST}:80", f"{HOST}:80"), (f"{HOST}:8443", None)],
)
def test_the_checked_address_is_called_with_the_host_name_of_the_url(
    trusted: Authority, authority: str, host: str | None
) -> None:
    with receiver(tls=trusted.context(HOST)) as there, leading_to(there) as called:
        assert post.post(f"https://{authority}/hook?a=b", b"{}", {}).status == 200
        (request,) = there.received
        assert called == [("8.8.8.8", int(authority.partition(":")[2] or 443))]
        assert there.names == [HOST]
        assert request.headers["host"] == (host or authority)
        assert request.path == "/hook?a=b"


@pytest.mark.parametrize(
    ("name", "days", "problem"),
    [
        ("other.example", 30, "Hostname mismatch"),
        (HOST, -1, "certificate has expired"),
        (HOST, 30, "unable to get local issuer"),
    ],
    ids=["of another name", "expired", "of nobody's authority"],
)
def test_a_receiver_without_a_valid_certificate_for_the_name_gets_no_message(
    busy: Project,
    trusted: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    days: float,
    problem: str,
) -> None:
    unknown = Authority(tmp_path_factory.mktemp("unknown"))
    authority = unknown if "issuer" in problem else trusted
    with receiver(tls=authority.context(name, days)) as there:
        webhook, _ = webhooks.add(busy.id, f"https://{HOST}/hook")
        webhooks.test(busy.id, webhook.id)
        (message,) = messages()
        with leading_to(there):
            assert deliver(message) == 10, "no response: retried"
        assert there.received == []
    (attempt,) = attempts(busy)
    assert attempt.status is None
    assert "CERTIFICATE_VERIFY_FAILED" in attempt.error
    assert problem in attempt.error
    assert store.find_delivery(message).attempts == 1


def test_a_slow_tls_handshake_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            peer, _ = listening.accept()
            try:
                peer.sendall(b"\x16\x03\x03\x3f\xff")  # the head of a record of 16 KB
                while True:
                    peer.sendall(b"\x02")
                    time.sleep(0.02)
            except OSError:
                peer.close()  # the sender has had enough, as it should

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            post.post(url, b"{}", {}, allow_loopback=True, timeout_s=0.3)
        # The record takes more than five minutes.
        assert time.monotonic() - started < 30


def test_the_time_to_connect_reduces_the_timeout_of_the_tls_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elapsed = iter([0.0, 0.0, 0.0, 9.0])  # the deadline, the resolver, the connection, TLS
    timeouts: list[float | None] = []

    def handshake(_context: ssl.SSLContext, sock: socket.socket, **_: Any) -> Any:
        timeouts.append(sock.gettimeout())
        raise ConnectionResetError("as far as this test goes")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        monkeypatch.setattr(time, "monotonic", lambda: next(elapsed, 99.0))
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", handshake)
        with pytest.raises(ConnectionResetError):
            post.post(url, b"{}", {}, allow_loopback=True)
    assert timeouts == [6.0]


def test_a_resolver_that_hangs_is_abandoned_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        resolved.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    before = set(threading.enumerate())
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        post.post(f"https://{HOST}/", b"{}", {}, timeout_s=0.2)
    assert time.monotonic() - started < 30
    # The end of the process does not wait for daemon threads.
    assert [each.daemon for each in set(threading.enumerate()) - before] == [True]
    resolved.set()
