"""The API as a WSGI application, for tools that speak HTTP but need no socket."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.support import gateway


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Hand a request to the template's routes."""
    query: str = environ.get("QUERY_STRING", "")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    headers.pop("Content-Type", None)
    stream: Any = environ["wsgi.input"]
    body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    url = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace") + "?" + query
    answer = gateway.call(environ["REQUEST_METHOD"], url, body, headers)
    status = HTTPStatus(answer.status)
    start_response(f"{status.value} {status.phrase}", list(answer.headers.items()))
    return [answer.text.encode()]
