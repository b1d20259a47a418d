"""A browser without a screen: cookies, links and forms. Checks the headers of every response."""

import base64
import gzip
import html
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from errata.config import settings
from errata.models.ids import now_ms
from errata.store.sign_in import Tokens
from errata.usecases import sessions
from functions.dashboard.handler import handler
from functions.dashboard.routing import SESSION_COOKIE

STAGE = "/v1"
HOST = "https://errors.example.com"
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Shown:
    """What a browser shows: the page and its URL."""

    url: str
    status: int
    headers: dict[str, str]
    html: str
    size: int  # in bytes, before compression

    @property
    def text(self) -> str:
        """The page's text, without markup."""
        return words(self.html)

    def value(self, name: str) -> str:
        """Return the value of the first field with this name."""
        found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.html)
        assert found, f"no field {name} in {self.url}"
        return html.unescape(found[1])


def words(page: str) -> str:
    """Return the text of a page, without markup, with one space for each run of white space."""
    without = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without)).split())


@dataclass
class Browser:
    """One person's browser. `stage` is "" behind a custom domain."""

    cookies: dict[str, str] = field(default_factory=dict)
    page: Shown | None = None
    stage: str = STAGE
    ip: str = "203.0.113.9"
    # What this browser sends with each request.
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Shown:
        """Open a URL, relative to the dashboard's root, and follow redirects on this host."""
        return self._follow(
            "GET", urljoin(f"{HOST}{self.stage}/dashboard/", path), b"", headers or {}
        )

    def post(self, path: str, **fields: Any) -> Shown:
        """Send a form of the current page. Sends the page's token unless `csrf` is given."""
        if "csrf" not in fields and self.page:
            fields["csrf"] = self.page.value("csrf")
        body = urlencode(fields, doseq=True).encode()
        return self._follow("POST", urljoin(f"{HOST}{self.stage}/dashboard/", path), body, {})

    def _follow(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Shown:
        for _ in range(6):
            shown = self._send(method, url, body, headers)
            led_to = urljoin(url, shown.headers.get("Location", ""))
            if shown.status not in (303, 307) or not led_to.startswith(HOST):
                self.page = shown
                return shown
            url = led_to
            if shown.status == 303:
                method, body = "GET", b""
        raise AssertionError(f"{url} leads nowhere")

    def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Shown:
        parts = urlsplit(url)
        path = parts.path.removeprefix(self.stage)
        assert path == "/dashboard" or path.startswith("/dashboard/"), f"{url} is outside"
        sent = {"Accept-Encoding": "gzip", "Host": parts.netloc, **self.headers, **headers}
        if body:
            sent |= {"Content-Type": "application/x-www-form-urlencoded"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = handler(
            {
                "resource": "/dashboard/{proxy+}",
                "path": path,
                "httpMethod": method,
                "headers": sent,
                "queryStringParameters": dict(parse_qsl(parts.query, keep_blank_values=True))
                or None,
                "requestContext": {
                    "path": parts.path,
                    "domainName": parts.netloc,
                    "apiId": "api",
                    "stage": "v1",
                    "identity": {"sourceIp": self.ip},
                },
                "body": base64.b64encode(body).decode() if body else None,
                "isBase64Encoded": bool(body),
            },
            None,
        )
        self._keep(response.get("multiValueHeaders", {}).get("Set-Cookie", []))
        content = base64.b64decode(response["body"])
        if response["headers"].get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        _check(response["headers"])
        return Shown(
            url, response["statusCode"], response["headers"], content.decode(), len(content)
        )

    def _keep(self, set_cookies: list[str]) -> None:
        for text in set_cookies:
            ((name, morsel),) = SimpleCookie(text).items()
            assert morsel["secure"]
            assert morsel["httponly"]
            assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Lax", "/", "")
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def _check(headers: dict[str, str]) -> None:
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    kept = headers["Cache-Control"]
    assert kept in ("no-store", "public, max-age=31536000, immutable", "private, max-age=60")
    # What a session sees is kept for this session alone.
    assert not kept.startswith("private") or "Cookie" in headers["Vary"]


def unsent(shown: Shown) -> str:
    """Return a page's HTML without the values of its fields."""
    return re.sub(r'(<input[^>]*)value="[^"]*"', r"\1", shown.html)


def signed_in(email: str, refresh_token: str = "refresh") -> Browser:
    """Return a browser of a user who has just signed in with Cognito."""
    at_ms = now_ms()
    vouched = sessions.Claims(email, at_ms + HOUR_MS, settings().user_pool_client_id)
    _, cookie = sessions.start(Tokens("id", refresh_token), lambda _: vouched, at_ms)
    return Browser({SESSION_COOKIE: cookie})
