"""Each channel's messages are within the vendor's documented limits, whatever an event says."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from errata.models.alert import Alert, BusEvent, Mail, News, Post, plain
from errata.protocol.channels import CHANNELS
from errata.protocol.channels.channel import fitted
from tests.support.vendors import VENDORS

URL = "https://errors.example.com/dashboard/projects/12/issues/" + "a" * 32
HOSTILE = {
    "long": "x" * 10_000,
    "escaped": "&<>" * 3_000,
    "right to left": "\u202e\u05e9\u05d2\u05d9\u05d0\u05d4\u202c \u062e\u0637\u0623 " * 300,
    "emoji": "\U0001f4a5" * 5_000,
    "mentions": "<!channel> <!here> @everyone @here @channel @all <@U123> <at>you</at>",
    "links": "[free](https://evil.example) <https://evil.example|free> ![x](y) ](",
    "markup": "*_~`|> ``` # - 1. \\ <script>alert(1)</script> </p><h1>",
    "controls": "a\r\nBcc: x@example.com\x00\x07\x1b[31m\u200b\ufeff b",
    "surrogate": "\ud800 half",
    "empty": "",
    "mail": "=?utf-8?q?x?= \r\n\r\n<html>",
}
ADDRESSES = {"pagerduty": "R0UT1NGKEY" * 3, "email": "a@example.com"}


def news(text: str) -> News:
    return News(
        kind="new",
        issue_id="a" * 32,
        short_id="SHOP-42",
        title=text,
        culprit=text,
        level="error",
        environment=text,
        release=text,
        since=text,
        first_seen=1_764_000_000_000,
        count=1_234,
        users=17,
        frames=(text, text, text),
        url=URL,
    )


def alerts(text: str) -> list[Alert]:
    one = Alert("msg_1", text, 1_764_000_000_000, (news(text),), settings_url=URL)
    many = replace(
        one, news=(news(text),) * 10, total=23, kinds={"new": 20, "regressed": 3}, url=URL
    )
    return [one, many]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", VENDORS)
def test_a_message_is_within_the_limits_of_its_vendor(kind: str, text: str) -> None:
    for alert in alerts(text):
        written = CHANNELS[kind].write(alert, ADDRESSES.get(kind, "https://example.com/hook"))
        assert isinstance(written, Post)
        assert VENDORS[kind](written.body) == ""


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_mail_has_one_subject_and_no_markup_of_events(text: str) -> None:
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            for name, value in attrs:
                assert name != "href" or value == URL

    for alert in alerts(text):
        mail = CHANNELS["email"].write(alert, "")
        assert isinstance(mail, Mail)
        assert mail.subject.isprintable()
        assert 0 < len(mail.subject) <= 150
        assert mail.subject.startswith("[")
        Reader().feed(mail.html)
        assert URL in mail.text
        mail.text.encode()
    assert tags <= {"p", "h2", "a", "code", "table", "tr", "td", "pre", "ul", "li"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_event_for_the_bus_is_json_of_at_most_256_kb(text: str) -> None:
    for alert in alerts(text):
        event = CHANNELS["eventbridge"].write(alert, "")
        assert isinstance(event, BusEvent)
        assert len(event.detail.encode()) < 256 * 1024
        assert json.loads(event.detail)["issues"][0]["short_id"] == "SHOP-42"


@pytest.mark.parametrize("kind", [*VENDORS, "email"])
def test_a_message_shows_what_the_list_of_issues_shows(kind: str) -> None:
    about = replace(
        news("ValueError: bad"),
        culprit="shop.cart in total",
        environment="prod",
        since="shop@1.2",
        frames=("shop/cart.py:12 in total",),
    )
    alert = Alert("msg_1", "shop", 1_764_000_000_000, (about,), settings_url=URL)
    written = CHANNELS[kind].write(alert, ADDRESSES.get(kind, "https://example.com/hook"))
    text = written.text if isinstance(written, Mail) else written.body.decode()  # type: ignore[union-attr]
    text = text.replace("\\\\", "").replace("\u200b", "")
    for part in ("New: SHOP-42", "ValueError: bad", "shop.cart in total", "prod", "shop@1.2"):
        assert part in text, part
    for part in ("1,234", "17", "shop/cart.py:12 in total", "2025-11-24", URL):
        assert part in text, part


def test_a_message_about_many_issues_names_ten_and_counts_all() -> None:
    _, many = alerts("boom")
    assert many.headline == "20 new, 3 regressed issues"
    mail = CHANNELS["email"].write(many, "")
    assert isinstance(mail, Mail)
    assert mail.text.count("SHOP-42") == 10
    assert "and 13 more" in mail.text


@pytest.mark.parametrize(
    ("kind", "address", "fine"),
    [
        ("pagerduty", "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12", True),
        ("pagerduty", "eu:R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12", True),
        ("pagerduty", "https://oncall.example.com/x#R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12", True),
        ("pagerduty", "short", False),
        ("email", "oncall+errata@mail.example.com", True),
        ("email", "oncall@localhost", False),
        ("email", "a@example.com\r\nBcc: b@example.com", False),
        ("email", "a b@example.com", False),
    ],
)
def test_an_address_is_checked(kind: str, address: str, fine: bool) -> None:
    assert (CHANNELS[kind].check(address) == "") is fine


def test_a_secret_address_is_shown_by_its_host_and_last_four() -> None:
    slack, pager = CHANNELS["slack"], CHANNELS["pagerduty"]
    assert slack.hint("https://hooks.slack.com/services/T0/B0/tokenX9f2") == "hooks.slack.com/…X9f2"
    assert pager.hint("R0UT1NGKEY41c0") == "…41c0"


def test_discord_says_in_the_body_how_long_to_wait() -> None:
    wait = CHANNELS["discord"].wants_to_wait
    assert wait(b'{"retry_after": 64.57, "global": false}') == 64.57
    for body in (b"", b"[]", b"{", b'{"retry_after": "x"}', b'{"retry_after": -1}', b"[" * 5_000):
        assert wait(body) == 0


def test_a_text_is_cut_between_escapes() -> None:
    def escape(text: str) -> str:
        return text.replace("&", "&amp;")

    assert fitted("&&&", 15, escape) == "&amp;&amp;&amp;"
    assert fitted("&&&&", 15, escape) == "&amp;&amp;…"
    assert plain("a\nb\u202ec" + "d" * 100, 10) == "a bcddddd…"
