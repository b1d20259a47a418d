"""Where webhooks may go, and how they are signed."""

import base64
import hashlib
import hmac
import ipaddress
import time

import pytest
from standardwebhooks import Webhook

from errata.outbound import signing
from errata.outbound.guard import ForbiddenUrlError, check_url, is_public


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.9.10",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "64:ff9b:1:a00:0:100:808:808",
        "64:ff9b:1::808:808",
        "192.0.0.9",
        "192.88.99.1",
        "2001::808:808",
        "2001:1::1",
        "2001:20::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_global_unicast_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860::8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_a_public_address_is_allowed_in_any_form(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "host"),
        ("gopher://example.com", "https://"),
        ("https://", "host"),
        ("https://user:secret@example.com/", "password"),
        ("https://user@example.com/", "password"),
        ("https://:secret@example.com/", "password"),
        ("https://example.com:0/", "host"),
        ("https://example.com:99999/", "not valid: Port out of range"),
        ("https://exa mple.com/", "printable"),
        ("https://example.com/\r\nX-Evil: 1", "printable"),
        ("https://example.com/\r\nX-Evil:1", "printable"),
        ("https://example.com/\x7f", "printable"),
        ("https://exämple.com/", "ASCII"),
        ("https://a..b/", "between dots"),
        ("https://.example.com/", "between dots"),
        ("https://" + "a" * 64 + ".com/", "between dots"),
        ("https://example.com/" + "x" * 2000, "2000"),
        ("//example.com/", "https://"),
        ("", "host"),
    ],
)
def test_a_url_that_is_not_allowed_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(ForbiddenUrlError, match=rf"^The .*{reason}.*\.$"):
        check_url(url)


@pytest.mark.parametrize("scheme", ["ftp", "gopher", "httpx"])
def test_local_runs_may_use_http_and_nothing_else(scheme: str) -> None:
    assert check_url("http://127.0.0.1:8000/hook", allow_loopback=True).port == 8000
    with pytest.raises(ForbiddenUrlError, match="https://"):
        check_url(f"{scheme}://127.0.0.1:8000/hook", allow_loopback=True)


def test_a_url_has_two_thousand_characters_at_most() -> None:
    longest = "https://example.com/".ljust(2_000, "x")
    assert check_url(longest).path == "/".ljust(1_981, "x")
    with pytest.raises(ForbiddenUrlError, match="at most 2000 printable ASCII"):
        check_url(longest + "x")


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.com.", "a" * 63 + ".com", "8.8.8.8", "[2606:4700::1111]", "a_b.c"],
)
def test_any_name_that_can_be_looked_up_may_be_a_host(host: str) -> None:
    assert check_url(f"https://{host}:8443/hook").port == 8443


def test_independent_code_verifies_both_signatures() -> None:
    secret = signing.new_secret()
    body = '{"message": "grüß dich"}'.encode()
    now = int(time.time())
    headers = signing.headers("msg_1", now, body, [secret])
    Webhook(secret).verify(body, headers)
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Pulse-Signature"] == f"sha256={expected}"


def test_both_secrets_sign_after_a_rotation() -> None:
    new, old = signing.new_secret(), signing.new_secret()
    now = int(time.time())
    headers = signing.headers("msg_1", now, b"{}", [new, old])
    for secret in (new, old):
        Webhook(secret).verify(b"{}", headers)
    assert len(headers["webhook-signature"].split(" ")) == 2


def test_secrets_are_long_and_unique() -> None:
    secrets = {signing.new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "10.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "localhost",
        "LOCALHOST.",
        "errata.localhost",
    ],
)
def test_a_url_of_a_private_host_is_refused_before_it_is_called(host: str) -> None:
    with pytest.raises(ForbiddenUrlError, match="is not a public address"):
        check_url(f"https://{host}/hook")


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "[2606:4700::1111]", "localhost.example.com", "1.example"]
)
def test_a_url_of_a_public_host_is_accepted(host: str) -> None:
    assert check_url(f"https://{host}/hook").path == "/hook"


def test_a_loopback_host_is_allowed_with_allow_loopback() -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert check_url(f"http://{host}:8000/", allow_loopback=True).port == 8000
    with pytest.raises(ForbiddenUrlError, match="is not a public address"):
        check_url("https://10.0.0.1/", allow_loopback=True)
