"""Secrets of every kind, and events of every endpoint with one of them in every place.

The places are made from the schemas of the endpoints, so a new field has a secret in it too.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from errata.protocol import ingest
from errata.protocol.sentry import schema

# In parts: nobody who looks for real secrets should find these.
_WORD = "Zq7Vx2Lm9Kp4Rt6Wn8Yb3Cd5Fg1Hj0Sa"
_LONG = _WORD + _WORD
_JWT = f"eyJ{_WORD}.eyJ{_WORD}.{_WORD}"
_RSA = f"RSA {'PRIVATE'} KEY"
_KEY = f"-----BEGIN {_RSA}-----\nProc-Type: 4,ENCRYPTED\n{_LONG}\n-----END {_RSA}-----"

# What is planted, and the part that must be nowhere, by kind.
BY_FORM: dict[str, tuple[str, str]] = {
    "card": ("paid with 4111111111111111 today", "4111111111111111"),
    "card in groups": ("paid with 5555 5555 5555 4444.", "5555 5555 5555 4444"),
    "card in dashes": ("3782-822463-10005", "3782-822463-10005"),
    "iban": ("to DE89 3704 0044 0532 0130 00 today", "0044 0532 0130"),
    "iban in one": ("iban:GB82WEST12345698765432;", "WEST12345698765432"),
    "private key": (_KEY, _WORD),
    "url": (f"see postgres://shop:{_WORD}@db.example.com:5432/shop?a=b", _WORD),
    "bearer": (f"sent Bearer {_WORD} to it", _WORD),
    "basic": (
        f"sent Basic {base64.b64encode(b'shop:' + _WORD.encode()).decode()}",
        base64.b64encode(b"shop:" + _WORD.encode()).decode(),
    ),
    "jwt": (f"has {_JWT} in it", _WORD),
    "aws": (f"uses {'AKIA'}{'Q' * 16} for it", "Q" * 16),
    "github": (f"uses {'ghp'}_{_WORD}1234", _WORD),
    "github fine-grained": (f"uses {'github'}_pat_{_WORD}_{_WORD}", _WORD),
    "gitlab": (f"uses {'glpat'}-{_WORD}", _WORD),
    "slack": (f"uses {'xoxb'}-1234567890-{_WORD}", _WORD),
    "slack app": (f"uses {'xapp'}-1-A1-{_WORD}", _WORD),
    "slack webhook": (f"to https://{'hooks'}.slack.com/services/T0/B0/{_WORD}", _WORD),
    "stripe": (f"uses {'sk'}_live_{_WORD}", _WORD),
    "stripe restricted": (f"uses {'rk'}_test_{_WORD}", _WORD),
    "webhook secret": (f"uses {'whsec'}_{_WORD}", _WORD),
    "google": (f"uses {'AIza'}{_WORD}123", _WORD),
    "google client": (f"uses {'GOCSPX'}-{_WORD}", _WORD),
    "google access": (f"uses {'ya29'}.{_WORD}", _WORD),
    "npm": (f"uses {'npm'}_{_WORD}1234", _WORD),
    "pypi": (f"uses {'pypi'}-AgEIcHlwaS5vcmc{_WORD}", _WORD),
    "sendgrid": (f"uses {'SG'}.{_WORD}.{_WORD}", _WORD),
    "openai": (f"uses {'sk'}-proj-{_WORD}", _WORD),
    "anthropic": (f"uses {'sk'}-ant-api03-{_WORD}", _WORD),
    "shopify": (f"uses {'shpat'}_{'0a1b2c3d' * 4}", "0a1b2c3d" * 4),
    "digitalocean": (f"uses {'dop'}_v1_{'0a1b2c3d' * 8}", "0a1b2c3d" * 4),
    "vault": (f"uses {'hvs'}.{_WORD}", _WORD),
}
# Secrets that a name within the text gives away.
IN_TEXTS: dict[str, tuple[str, str]] = {
    "query": (f"GET https://example.com/a?b=c&auth_token={_WORD}&d=e", _WORD),
    "form": (f"user=ada&user%5Bpassword%5D={_WORD}", _WORD),
    "connection string": (f"Server=db;User Id=sa;Password={_WORD};Timeout=5", _WORD),
    "json": (f'{{"user": "ada", "login": {{"apiKey": "{_WORD}"}}}}', _WORD),
    "json in json": (f'{{"body": "{{\\"clientSecret\\": \\"{_WORD}\\"}}"}}', _WORD),
    "array in json": (f'{{"tokens": ["a", "{_WORD}"]}}', _WORD),
    "repr": (f"request {{'user': 'ada', 'passwd': '{_WORD}'}} failed", _WORD),
    "php": (f"array('mysql_pwd' => '{_WORD}')", _WORD),
    "header": (f"GET / HTTP/1.1\nX-Api-Key: {_WORD}\nHost: example.com", _WORD),
    "json in json in json": (
        json.dumps(json.dumps(json.dumps(json.dumps({"password": _WORD})))),
        _WORD,
    ),
    "objects in json": (f'{{"tokens": {{"a": {{"b": "}}"}}, "c": "{_WORD}"}}, "d": 1}}', _WORD),
    "assigned in json": (f'{{"sql": "where token=\\"a {_WORD}\\" or"}}', _WORD),
    "sql": (f"(SQL: select * from `users` where `api_token` = '{_WORD}' limit 1)", _WORD),
    "settings": (f'db_password = "{_WORD}"', _WORD),
    "record": (f"User {{ Name = ada, Password = {_WORD} }}", _WORD),
    "javascript": (f"{{\n  user: 'ada',\n  password: '{_WORD}'\n}}", _WORD),
    "ruby": (f'{{:user=>"ada", :password=>"{_WORD}"}}', _WORD),
    "ruby with spaces": (f'{{:user => "ada", :password => "{_WORD}"}}', _WORD),
    "rust": (f'User {{ name: "ada", password: "{_WORD}" }}', _WORD),
    "go": (f"{{User:ada Password:{_WORD}}}", _WORD),
    "go with quotes": (f'main.User{{Name:"ada", Password:"{_WORD}"}}', _WORD),
    "print_r": (f"Array\n(\n    [password] => {_WORD}\n)", _WORD),
    "var_dump": (f'array(1) {{\n  ["password"]=>\n  string(32) "{_WORD}"\n}}', _WORD),
    "tuples": (f"[(b'host', b'a'), (b'authorization', b'{_WORD}')]", _WORD),
    "element": (f"<a:Body><a:password>{_WORD}</a:password></a:Body>", _WORD),
    "yaml": (f"\ndb:\n  password: {_WORD}\n", _WORD),
    "query in query": (f"/login?next=%2Fa%3Ftoken%3D{_WORD}%26b%3Dc", _WORD),
    "json in query": (f"/a?q=%7B%22password%22%3A%22{_WORD}%22%7D", _WORD),
    "cut off": (f'{{"user": "ada", "password": "{_WORD}', _WORD),
}
# Each with a word of its own, so that a word which is found names its kind.
ALL: dict[str, tuple[str, str]] = {
    kind: (planted.replace(_WORD, own), secret.replace(_WORD, own))
    for n, (kind, (planted, secret)) in enumerate((BY_FORM | IN_TEXTS).items(), 10)
    for own in [f"{_WORD[:-2]}{n}"]
}
NAMES = (
    *(
        "accesskey",
        "SecretKey",
        "cardNumber",
        "cardnumber",
        "password",
        "Passwd",
        "user_password",
        "newPassword",
        "PASSWORD_HASH",
        "db_pass",
    ),
    *("secret", "client-secret", "SECRET_KEY", "apikey", "api_key", "X-Api-Key", "apiKey"),
    *("auth", "http_auth", "Authorization", "Proxy-Authorization", "credentials"),
    *("token", "auth_token", "accessToken", "csrfmiddlewaretoken", "X-CSRFToken", "otp"),
    *("privatekey", "private_key", "mysql_pwd", "Cookie", "Set-Cookie", "session_id", "sessionId"),
    *("PHPSESSID", "JSESSIONID", "connect.sid", "two_factor", "jwt", "AWS_SECRET_ACCESS_KEY"),
)

# Fields that keep what was sent. `debug_meta` and paths serve to find source code and symbols; a
# client's fingerprint must group the same events as ever.
SDK_EXEMPT = {"debug_meta", "filename", "abs_path"}
# In source code, a name gives nothing away. In `modules`, names are those of packages.
SOURCE = {"context_line", "pre_context", "post_context"}
MODULES = {"modules"}
# Versions look like addresses.
NO_ADDRESSES = SDK_EXEMPT | MODULES | {"release", "dist", "version"}
# Secrets by the rules of a project: the rules, what is planted, the part that must be nowhere, and
# the fields that keep it.
OWN: dict[str, tuple[str, str, str, set[str]]] = {
    "name in a text": (
        "name: customer_number",
        f"GET /a?b=c&customerNumber={_WORD}&d=e",
        _WORD,
        SDK_EXEMPT | SOURCE | MODULES,
    ),
    "pattern": (
        "pattern: (?i)\\bemp-[0-9]{6}\\b",
        "badge EMP-204817 of Zoë",
        "EMP-204817",
        {"debug_meta"},
    ),
    "IPv4": (
        "ip-addresses: on",
        "from 192.0.2.77:80",
        "192.0.2.77",
        NO_ADDRESSES,
    ),
    "IPv6": ("ip-addresses: on", "[2001:db8::7:7]:80", "db8::7:7", NO_ADDRESSES),
    "e-mail": ("email-addresses: on", "to zoë.x+y@example.com!", ".x+y@", NO_ADDRESSES),
    "encoded e-mail": (
        "email-addresses: on",
        "/a?to=zoe.x%40example.com&b=c",
        "zoe.x",
        NO_ADDRESSES,
    ),
}
# The fields of other types, and those that only certain texts may have.
_NOT_TEXT = {"level", "timestamp", "source_map_url"}
INGEST_EXEMPT = {"source_map", "fingerprint", *_NOT_TEXT}


def anything(planted: Any) -> dict[str, Any]:
    """Return an object with something planted at several depths."""
    return {
        "here": planted,
        "list": [planted, {"deep": {"deeper": [[planted]]}}],
        "pairs": [["first", planted], ["second", planted]],
    }


def sdk_event(
    plant: Any, of_object: Callable[[], dict[str, Any]], exempt: set[str] = SDK_EXEMPT
) -> dict[str, Any]:
    """Return an event of an SDK with `plant` in each text, and `of_object` in each free object."""
    return {
        **_value(schema.EVENT, plant, of_object, exempt),
        "fingerprint": ["{{ default }}", plant],
        "unknown": of_object(),
        "request": {
            **of_object(),
            "url": plant,
            "data": plant,
            "query_string": plant,
            "headers": [["X-Custom", plant], ["Referer", plant]],
            "env": of_object(),
        },
        "user": {**of_object(), "id": plant, "email": plant},
        "tags": [["custom", plant], {"key": "other", "value": plant}, {"third": plant}],
    }


def ingest_body(
    plant: Any, of_object: Callable[[], dict[str, Any]], exempt: set[str] = SDK_EXEMPT
) -> dict[str, Any]:
    """Return a body of the ingest API with `plant` in each text."""
    body: dict[str, Any] = _value(ingest.BODY, plant, of_object, INGEST_EXEMPT | exempt)
    return body


def legacy_body(plant: Any, of_object: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a body of `api.php` with `plant` in each text."""
    request = {"method": plant, "url": plant, "get": of_object(), "post": of_object()}
    texts = dict.fromkeys(("level", "message", "file", "hostname"), plant)
    return {**texts, "line": 3, "request": request}


def _value(of: Any, plant: Any, of_object: Callable[[], dict[str, Any]], exempt: set[str]) -> Any:
    """Return a value of a schema with `plant` in each text."""
    match of["type"]:
        case "nullable":
            return _value(of["schema"], plant, of_object, exempt)
        case "typed-dict":
            fields = {
                name: _value(field["schema"], plant, of_object, exempt)
                for name, field in of["fields"].items()
                if name not in exempt
            }
            return {name: each for name, each in fields.items() if each is not None}
        case "list":
            return [_value(of["items_schema"], plant, of_object, exempt) for _ in range(2)]
        case "dict":
            return of_object()
        case "str" | "union" | "any":
            return plant
    return None


def places(value: Any, planted: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each place where something is planted."""
    if value == planted:
        yield ()
    elif isinstance(value, dict | list):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            for path in places(each, planted):
                yield (name, *path)
