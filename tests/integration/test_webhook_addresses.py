"""Outbound webhooks: which addresses are called, and which are refused."""

import dataclasses
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from errata.config import settings
from errata.errors import InvalidInputError
from errata.outbound import guard, post
from errata.store import webhooks as store
from errata.usecases import webhooks
from errata.usecases.deliver import deliver
from tests.support.account import Project
from tests.support.receiver import receiver
from tests.support.webhooks import attempts, one_message


def test_a_name_is_resolved_once_and_the_checked_address_is_called(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses = iter(["8.8.8.8", "127.0.0.1", "127.0.0.1"])
    called: list[Any] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(responses), port))]

    def connect(address: Any, timeout: float) -> socket.socket:
        called.append(address)
        assert 14 < timeout <= 15, "seconds for all of it"
        raise ConnectionRefusedError("as far as this test goes")

    message, _, _ = one_message(busy, "https://rebound.example/")
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        patch.setattr(socket, "create_connection", connect)
        with pytest.raises(ConnectionRefusedError):
            post.post("https://rebound.example/", b"{}", {})
    assert called == [("8.8.8.8", 443)]
    assert message.event == "webhook.test"


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "[::1]",
        "167772161",
        "0xA9FEA9FE",
        "169.254.43518",
        "[::ffff:127.0.0.1]",
        "[::ffff:a00:1]",
    ],
)
def test_a_private_address_is_refused_in_every_notation(host: str) -> None:
    with pytest.raises(guard.ForbiddenUrlError, match="not a public address"):
        post.post(f"https://{host}/latest/meta-data", b"{}", {})
    # A name could resolve to it, too.
    with pytest.raises(guard.ForbiddenUrlError, match="not a public address"):
        guard.resolve(host.strip("[]"), time.monotonic() + 5, allow_loopback=False)


def test_a_webhook_to_a_private_host_is_refused_at_once(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_TO_LOOPBACK", "off")
    settings.cache_clear()
    for url in (
        "https://10.0.0.1/hook",
        "https://localhost/",
        "https://127.1/",
        "https://[::1]:8000/",
    ):
        with pytest.raises(InvalidInputError, match="not a public address"):
            webhooks.add(busy.id, url)
    assert webhooks.list_webhooks(busy.id) == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"])
def test_a_name_that_resolves_to_a_private_address_is_never_called(
    busy: Project, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in ("8.8.8.8", address)
        ]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(guard.ForbiddenUrlError, match="not a public address"):
            post.post("https://inside.example/", b"{}", {})


@contextmanager
def resolving_to(*addresses: str) -> Iterator[None]:
    """Let every name resolve to these addresses, which resolve to themselves."""
    look_up = socket.getaddrinfo

    def resolve(host: str, port: int, *how: Any, **named: Any) -> Any:
        if host in addresses:
            return look_up(host, port, *how, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


@pytest.mark.parametrize(("end", "path"), [("", "/"), ("?a=b", "/?a=b"), ("/x?", "/x")])
def test_a_url_without_a_path_leads_to_the_root(end: str, path: str) -> None:
    with receiver() as there:
        url = f"http://127.0.0.1:{there.port}{end}"
        response = post.post(url, b"{}", {"X-Mine": "m"}, allow_loopback=True)
        assert (response.status, response.retry_after) == (200, None)
        (request,) = there.received
    assert (request.path, request.body) == (path, b"{}")
    sent = {name: request.headers[name] for name in ("host", "connection", "x-mine")}
    host = f"127.0.0.1:{there.port}"
    assert sent == {"host": host, "connection": "close", "x-mine": "m"}


def test_the_next_address_is_called_if_one_refuses_the_connection() -> None:
    with receiver() as there:
        port = there.port
        with resolving_to("127.0.0.2", "127.0.0.1"):
            url = f"http://two.example:{port}/hook"
            assert post.post(url, b"{}", {}, allow_loopback=True).status == 200
        assert len(there.received) == 1
    with resolving_to("127.0.0.2", "127.0.0.1"), pytest.raises(ConnectionRefusedError):
        post.post(url, b"{}", {}, allow_loopback=True)
    with resolving_to(), pytest.raises(OSError, match=r"no address$"):
        post.post(url, b"{}", {}, allow_loopback=True)


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["127.0.0.1", "8.8.8.8"], r"^The URL must begin with https://\.$"),
        (["8.8.8.8", "127.0.0.1"], r"^The URL must begin with https://\.$"),
        (["127.0.0.1", "10.0.0.1"], "not a public address"),
    ],
)
def test_http_is_refused_unless_all_addresses_of_the_name_are_loopback(
    addresses: list[str], reason: str
) -> None:
    with receiver() as there, resolving_to(*addresses):
        with pytest.raises(guard.ForbiddenUrlError, match=reason):
            post.post(
                f"http://mixed.example:{there.port}/hook",
                b"{}",
                {},
                allow_loopback=True,
                timeout_s=1,
            )
        assert there.received == []


def test_a_name_that_does_not_resolve_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(socket.gaierror, match="Name or service not known"):
        post.post("https://nowhere.example/", b"{}", {}, timeout_s=1)


def test_a_local_url_without_a_port_leads_to_port_80(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.create_connection
    called: list[Any] = []

    with receiver() as there:

        def connected(address: Any, timeout: float) -> socket.socket:
            called.append(address)
            return connect(("127.0.0.1", there.port), timeout)

        monkeypatch.setattr(socket, "create_connection", connected)
        assert post.post("http://127.0.0.1/hook", b"{}", {}, allow_loopback=True).status == 200
        (request,) = there.received
    assert called == [("127.0.0.1", 80)]
    assert request.headers["host"] == "127.0.0.1"


def test_no_connection_is_opened_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    elapsed = iter([0.0, 0.0, 15.0])  # the deadline, the resolver, the connection
    called: list[Any] = []
    monkeypatch.setattr(time, "monotonic", lambda: next(elapsed, 99.0))
    monkeypatch.setattr(socket, "create_connection", lambda *how, **_: called.append(how))
    with pytest.raises(TimeoutError, match=r"^timed out$"):
        post.post("https://8.8.8.8/", b"{}", {})
    assert called == []


def test_an_invalid_host_name_is_recorded_as_a_failed_attempt(busy: Project) -> None:
    # A webhook that was added before such hosts were refused.
    message, webhook_id, _ = one_message(busy, "https://example.com/")
    webhook = webhooks.find(busy.id, webhook_id)
    store.save_webhook(dataclasses.replace(webhook, url="https://a..b/"))
    assert deliver(message) is None
    assert "host name is invalid" in attempts(busy)[0].error
