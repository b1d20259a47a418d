"""Calls the web API with the token that `errata login` keeps."""

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from errata.cli.credentials import Login
from errata.errors import (
    AmbiguousError,
    ForbiddenError,
    HTTPError,
    InvalidInputError,
    InvalidQueryError,
    MeanwhileError,
    NoResponseError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)
from errata.models.project import Project
from errata.models.project_names import choose, is_id
from errata.models.result import Result

# The function behind the API may take 30 seconds.
_TIMEOUT_S = 35
_MAX_BYTES = 16 * 1024 * 1024
# A 429 response says how long to wait: this often, and this long, before the command gives up.
_TRIES = 3
_MAX_WAIT_S = 60
# Source: Sentry, "Paginating Results". Only the cursor is used, because the URL is known.
_NEXT = re.compile(r'rel="next"; results="true"; cursor="([^"]+)"')
_LOGIN = "The token was revoked or has expired. Run `errata login`."


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: another host must not get the token."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        """Return None: a redirect is an error."""


@dataclass(frozen=True, slots=True)
class Web:
    """The web API of a deployment, for the bearer of a token."""

    login: Login

    def get(self, *path: str) -> Any:
        """Return the content of a resource."""
        return self._call("GET", path, None)

    def ask(self, owner: tuple[str, ...], name: str, options: dict[str, Any]) -> Result:
        """Return the result of a command that reads a project or an organization.

        See `errata.cli.source`.
        """
        path = (*owner, "commands", *name.split("/"))
        given = {
            name: str(each).lower() if each is True else each for name, each in options.items()
        }
        return self._result(self._call("GET", path, None, urlencode(given)))

    def change(self, owner: tuple[str, ...], name: str, options: dict[str, Any]) -> Result:
        """Return the result of a command that changes something."""
        path = (*owner, "commands", *name.split("/"))
        return self._result(self._call("POST", path, json.dumps(options).encode()))

    def _result(self, found: Any) -> Result:
        try:
            return Result(found["json"], found["more"])
        except (TypeError, KeyError):
            raise NoResponseError(f"{self.login.url} responds as Errata does not.") from None

    def project_id(self, name: str) -> str:
        """Return the id of the project with this id, slug or name.

        Raises:
            AmbiguousError: several projects that the token sees are called so.
            NotFoundError: none is.
        """
        return name if is_id(name) else choose(name, self.projects()).id

    def projects(self) -> list[Project]:
        """Return the projects that the token sees."""
        return [
            Project(each["id"], each["name"], 0, each["organization"]["id"], slugs=(each["slug"],))
            for each in self._pages("projects")
        ]

    def _pages(self, path: str) -> Iterator[Any]:
        """Yield the entries of all pages of a list."""
        url: str | None = f"{self.login.url}/api/0/{path}/"
        while url:
            content, link = self._send("GET", url, None)
            yield from content
            found = _NEXT.search(link)
            url = f"{self.login.url}/api/0/{path}/?cursor={quote(found[1])}" if found else None

    def _call(self, method: str, path: tuple[str, ...], body: bytes | None, query: str = "") -> Any:
        parts = "/".join(quote(each, safe="") for each in path)
        url = f"{self.login.url}/api/0/{parts}/" if parts else f"{self.login.url}/api/0/"
        url += f"?{query}" if query else ""
        for _ in range(_TRIES):
            try:
                return self._send(method, url, body)[0]
            except RateLimitedError as error:
                if error.retry_after > _MAX_WAIT_S:
                    raise
                last = error
                time.sleep(error.retry_after)
        raise last

    def _send(self, method: str, url: str, body: bytes | None) -> tuple[Any, str]:
        """Return the content of the response, and its header `Link`."""
        request = urllib.request.Request(  # noqa: S310 - credentials checks the scheme
            url,
            body,
            {"Authorization": f"Bearer {self.login.token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with _opener(url).open(request, timeout=_TIMEOUT_S) as response:
                return _json(response.read(_MAX_BYTES), url), response.headers.get("Link", "")
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error, error.read(_MAX_BYTES)) from None
        except urllib.error.URLError as error:
            raise NoResponseError(f"{self.login.url} does not respond: {error.reason}.") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoResponseError(f"{self.login.url} does not respond: {error}.") from None


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_NoRedirect, urllib.request.HTTPSHandler(context=_tls())]
    if urlsplit(url).scheme == "http":  # the local stack
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context that checks certificates. It takes long to create."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _json(content: bytes, url: str) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        host = urlsplit(url).netloc
        raise NoResponseError(f"{host} responds with something that is no JSON.") from None


def _refused(response: urllib.error.HTTPError, content: bytes) -> Exception:
    """Return the error for a response with an error status."""
    try:
        found = json.loads(content)
        detail, errors = str(found["detail"]), found.get("errors")
    except (ValueError, KeyError, TypeError, AttributeError):
        found, detail, errors = {}, f"The server responded with {response.code}.", None
    match response.code:
        case 401:
            return UnauthorizedError(_LOGIN)
        case 403:
            return ForbiddenError(detail)
        case 404 if isinstance(found.get("choices"), dict):
            return AmbiguousError(detail.removesuffix(AmbiguousError.END), found["choices"])
        case 404:
            return NotFoundError(detail)
        case 409:
            return MeanwhileError(detail)
        case 429:
            return RateLimitedError(_seconds(response.headers.get("Retry-After")))
        case 400 if isinstance(found.get("query"), dict):
            return _bad_query(detail, found["query"])
        case 400 | 413 | 422 if isinstance(errors, dict):
            return InvalidInputError({str(k): [str(each) for each in v] for k, v in errors.items()})
        case status if 300 <= status < 400:
            return NoResponseError("The server redirects elsewhere. The token was not sent there.")
        case status if status >= 500:
            return UnavailableError(detail)
    return HTTPError(detail)


def _bad_query(message: str, where: dict[str, Any]) -> Exception:
    try:
        return InvalidQueryError(
            message, str(where["text"]), int(where["start"]), int(where["end"])
        )
    except (KeyError, TypeError, ValueError):
        return InvalidInputError({"query": [message]})


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 1
