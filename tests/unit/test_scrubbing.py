"""What is replaced as a secret, what is not, and what the search for secrets costs."""

import copy
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import SDK, SIZES, envelopes, load
from errata.scrubbing import FILTERED
from errata.scrubbing.built_in import scrub
from errata.scrubbing.fields import MAX_NOTED
from errata.scrubbing.names import Kind, kind
from errata.scrubbing.texts import without_pairs
from tests.support.cpu import cpu_s
from tests.support.envelopes import kept, names
from tests.support.planted import ALL, BY_FORM, NAMES
from tests.support.steps import MOST_STEPS, steps

ROOT = Path(__file__).parents[2]
MB = 1_000_000
MAX_STEPS = 800


def scrubbed(value: Any) -> Any:
    """Return a value of an event without secrets."""
    fields = {"extra": {"a": value}}
    scrub(fields)
    return fields["extra"]["a"]


@pytest.mark.parametrize("name", ALL)
def test_each_kind_of_secret_is_replaced_and_the_rest_stays(name: str) -> None:
    text, secret = ALL[name]
    clean = scrubbed(f"before it {text} and after it" if "cut" not in name else text)
    assert secret not in clean
    assert FILTERED in clean
    assert clean.startswith("before it ") or "cut" in name
    assert scrubbed(clean) == clean


@pytest.mark.parametrize("name", NAMES)
def test_the_value_of_a_secret_s_name_is_replaced(name: str) -> None:
    for value in ("hush", 1234, ["hush"], {"session": "hush"}):
        fields: dict[str, Any] = {"extra": {"a": {name: value}, "pairs": [[name, value]]}}
        scrub(fields)
        assert "hush" not in json.dumps(fields)
        assert value != 1234 or name == "db_pass" or "1234" not in json.dumps(fields)
    assert "hush" not in without_pairs(f"a=b&{name}=hush&c=d")
    assert "hush" not in without_pairs(json.dumps({"a": "b", name: "hush"}))
    for harmless in (None, True, "", FILTERED):
        assert scrubbed({name: harmless}) == {name: harmless}


@pytest.mark.parametrize(
    "name",
    [
        *("author", "authors", "co_author", "Authority", "tokenizer", "secretary", "passenger"),
        *("compass", "bypass_cache", "key", "keys", "primary_key", "monkey", "access", "public"),
        *("token_type", "session_count", "password_length", "auth_method", "oauth_version"),
        *(
            "session",
            "sessions",
            "symfony",
            "sidebar",
            "obsession",
            "position",
            "options",
            "user",
            "id",
            "trace_id",
            "span_id",
        ),
    ],
)
def test_the_value_of_an_ordinary_name_is_kept(name: str) -> None:
    assert kind(name) is Kind.PLAIN
    assert scrubbed({name: "value"}) == {name: "value"}


def test_numbers_of_tokens_are_kept() -> None:
    assert scrubbed({"max_tokens": 512, "tokens": "abc"}) == {"max_tokens": 512, "tokens": FILTERED}


@pytest.mark.parametrize(
    "text",
    [
        "Access denied for user 'root'@'localhost' (using password: YES)",
        "order 4111111111111112, 1764430000123456, 2026-11-29 16:24:06.123456",
        "4111.1111.1111.1111 and 0x4111111111111111 and a4111111111111111",
        "DE89370400440532013001 and AB12CDEF34567890 and GB82WEST",
        "Bearer authentication failed. Basic authentication is off. bearer of news",
        "https://example.com:8080/a@b and mailto:ada@example.com and http://example.com/?q=a:b@c",
        "fd2e5cf6b5ac4f2ebb3fcb7ea0c0b0c5 019aa9d2-7c1e-7a4b-8f3e-1c2d3e4f5a6b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "npm_config_cache sk_live xoxo SG.TR ghost_mode eyJ AIza",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "expected token=%s, got password=? in {'password': None, 'token': '***'}",
        "token == other, tokenize=True, max_tokens=512, author=ada",
        "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON; token: punc ())",
        'Key (token)=(?) exists. password: must be long. ("token", "id", "a")',
        "<input name='password'> <password> or <token> expected. fields: ['password', 'email']",
        "secretName: tls-cert private_key_path=/a.pem password_expired=1 {'token_name': 'ci'}",
        "query($password: String!) { login(password: $password) { token } } token: expected string",
        "shop@1.2.3+4567 libstdc++.so.6.0.33 10.0.0.1:5432 [::1]:443",
    ],
)
def test_texts_without_secrets_are_kept(text: str) -> None:
    assert scrubbed(text) == text


def test_replacements_are_noted_by_path_and_rule() -> None:
    text, secret = BY_FORM["github"]
    fields: dict[str, Any] = {
        "message": text,
        "request": {"cookies": {"session_id": "a", "theme": "b"}, "headers": [["Cookie", "c"]]},
        "tags": {secret: "a", text: {"password": "x"}},
        "amount": 4111111111111111,
    }
    assert scrub(fields) == [
        {"field": "message", "rule": "github-token"},
        {"field": "request.cookies.session_id", "rule": "cookie"},
        {"field": "request.headers.0.1", "rule": "name"},
        {"field": f"tags.uses {FILTERED}.password", "rule": "name"},
        {"field": "amount", "rule": "payment-card"},
    ]
    assert fields["request"]["cookies"] == {"session_id": FILTERED, "theme": "b"}
    assert list(fields["tags"]) == [secret, f"uses {FILTERED}"]
    many: dict[str, Any] = {"extra": [{"password": "x"} for _ in range(MAX_NOTED + 1)]}
    assert len(scrub(many)) == MAX_NOTED
    assert "x" not in str(many["extra"][-1])


def test_cookies_of_sessions_are_secrets() -> None:
    names = [
        *("laravel_session", "_shop_session", "ASP.NET_SessionId", "koa.sess", "__Host-sid"),
        *("appSession", ".AspNetCore.Cookies", "wordpress_logged_in_0a", "PHPSESSID", "a\nsid"),
    ]
    fields: dict[str, Any] = {"request": {"cookies": {**dict.fromkeys(names, "x"), "side": "y"}}}
    cookies = fields["request"]["cookies"]
    scrub(fields, json.dumps(fields).encode())
    assert cookies == {**dict.fromkeys(names, FILTERED), "side": "y"}


def test_numbers_with_a_point_may_be_payment_cards() -> None:
    for content in (
        b'{"a": 4111111111111111.0}',
        b'{"a": 4.111111111111111E15}',
        b'{"a": 4000000000000000006}',  # more digits than a number with a point has
    ):
        fields = json.loads(content)
        assert [each["rule"] for each in scrub(fields, content)] == ["payment-card"]
        assert fields == {"a": FILTERED}


@pytest.mark.parametrize("number", [10**400, 10**4_200, 1e300, -1e300])
def test_huge_numbers_are_no_payment_cards(number: int | float) -> None:
    assert scrubbed([number, "token=a"]) == [number, f"token={FILTERED}"]
    assert scrubbed({"a": number, "token": 1234}) == {"a": number, "token": FILTERED}


def test_an_entry_with_a_null_key_is_scrubbed_by_its_name() -> None:
    assert scrubbed({"key": None, "name": "token", "value": "x"})["value"] == FILTERED


@pytest.mark.parametrize(
    ("template", "params", "clean"),
    [
        ("token=%s of %s", ["hush", "ada"], [FILTERED, "ada"]),
        ("100%% of %s has 'token': '%s'", ["ada", "hush"], ["ada", FILTERED]),
        ("password=%(a)s, %(b)d", {"a": "hush", "b": 1}, {"a": FILTERED, "b": 1}),
        ("token=%s, tokens=%d", [None, 7], [None, 7]),
        ("token %s", ["ada"], ["ada"]),
        ("token=%s %s", [], []),
    ],
)
def test_parameters_that_a_template_names_are_secrets(
    template: str, params: Any, clean: Any
) -> None:
    fields = {"logentry": {"message": template, "params": params}}
    scrub(fields)
    assert fields["logentry"]["params"] == clean


def test_paths_source_code_user_agents_and_symbols_are_exempt() -> None:
    text = ALL["query"][0]
    agent = "Mozilla/5.0 token=abc (X11)"
    frame: dict[str, Any] = {
        "filename": text,
        "abs_path": text,
        "context_line": "password=password",
    }
    fields: dict[str, Any] = {
        "debug_meta": {"token": text},
        "modules": {"oauth-token": "1.2.3"},
        "exception": {"values": [{"stacktrace": {"frames": [frame]}}]},
        "request": {"headers": {"User-Agent": agent, "HTTP_USER_AGENT": agent}},
    }
    before = copy.deepcopy(fields)
    assert scrub(fields) == []
    assert fields == before
    frame["context_line"] = BY_FORM["aws"][0]
    frame["vars"] = {"password": "x"}
    assert [each["rule"] for each in scrub(fields)] == ["aws-key", "name"]


# ------------------------------------------------------------------ false positives


def recorded() -> Iterator[tuple[str, Any]]:
    """Yield real events: of the yardsticks, of SDKs and of the tests of grouping."""
    for size in SIZES:
        yield from ((size, event) for event in load(size))
    for name in names():
        for line in kept(name).splitlines():
            if line.startswith(b"{"):
                yield name, json.loads(line)
    for body in envelopes():
        yield SDK, json.loads(body.split(b"\n")[2])
    texts = re.findall(r"^\s+- (.*)$", (ROOT / "tests/unit/grouping_pairs.yaml").read_text(), re.M)
    yield "grouping_pairs.yaml", {"message": texts}


# The cookie of a request, in a variable.
EXPECTED = [("4 KB", "context.frames.0.vars.cookie", "name")]


def test_only_a_known_cookie_is_replaced_in_recorded_events() -> None:
    noted = []
    events = 0
    for name, event in recorded():
        events += 1
        noted += [(name, each["field"], each["rule"]) for each in scrub(event)]
    assert events > 100
    assert noted == EXPECTED


# ------------------------------------------------------------------ hostile texts

PARTS = (
    *("4111 ", "4111-", "41111111111111111111 ", "DE89 3704 ", "AA00AAAA", "-----BEGIN "),
    *("-----BEGIN PRIVATE KEY-----", "://", "://a:", "://a:b@", "a@b", "bearer ", "basic "),
    *("Bearer a1", "eyJ", "eyJaaaaaaaa.", "AKIA", "ghp_", "github_pat_", "glpat-", "xox", "xoxb-"),
    *("xapp-", "hooks.slack.com/", "sk_live_", "sk_test_", "whsec_", "AIza", "GOCSPX-", "ya29."),
    *("npm_", "pypi-AgE", "SG.", "SG.aaaaaaaaaaaaaaaaaaaa.", "sk-proj-", "sk-ant-", "shpat_"),
    *(
        "dop_v1_",
        "hvs.",
        "a=",
        "token=",
        "token='",
        'token="',
        "token=\\",
        '"token":"',
        '"token":[',
    ),
    *(
        '"token":{',
        '"a":{',
        "\\\\\\",
        "'token'=>'",
        "%5Btoken",
        "token",
        "a-b",
        "\nx-api-key: ",
        "\n ",
    ),
    *("{token:", "{a:", '\\ntoken: "', "\\n-----", "[token] => ", '["token"]=> "', "('token', '"),
    *(
        "<token>",
        "<token>a</",
        "%3Ftoken%3D",
        "%22token%22%3A",
        "`token` = `",
        '"token":[{"',
        "LC00 ",
    ),
    *("password", "Password", "A", "a", "0", " ", "=", ":", '"', "'", "-", "x-a-", "bearer\t"),
)


@pytest.mark.parametrize("part", PARTS)
def test_hostile_texts_take_linear_time(part: str) -> None:
    """A text that is twenty times as long takes hardly more than twenty times as long.

    A megabyte, the longest that may come, takes less than five seconds.
    """
    marks = " ".join(text for text, _ in ALL.values())

    def run(size: int) -> None:
        scrub({"message": part * (size // len(part)), "extra": {"marks": marks}})

    run(1_000)
    small = cpu_s(lambda: run(MB // 80), 0, tries=2)
    most = min(max(60 * small, 0.03), 5 / 4)
    large = cpu_s(lambda: run(MB // 4), most)
    assert large < most, (small, large)


def test_many_small_values_take_few_steps() -> None:
    many = {"extra": {"a": [[1]] * 100_000, "b": ["x"] * 100_000, "c": [{"d": 1}] * 100_000}}
    assert steps(lambda: scrub(many)) < MOST_STEPS


def test_an_event_of_an_sdk_is_scrubbed_in_few_steps() -> None:
    """Count the calls for real events of 16 KB: the same number on every machine."""
    real = [json.loads(body.split(b"\n")[2]) for body in envelopes()]
    for event in copy.deepcopy(real):
        scrub(event)  # names are cached
    counts = [steps(partial(scrub, event)) for event in real]
    assert sum(counts) / len(counts) < MAX_STEPS, sorted(counts)
