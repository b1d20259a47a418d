"""The API as a WSGI application, for tools that use HTTP but need no socket."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.support import gateway

# The path of the server in the OpenAPI document.
STAGE = "/v1"
_addresses = count(1)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Pass a request to the template's routes."""
    query: str = environ.get("QUERY_STRING", "")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    headers.pop("Content-Type", None)
    stream: Any = environ["wsgi.input"]
    body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    # WSGI decodes the path. Some characters would end it, and others would be left out of a URL.
    path = re.sub(r"[?#\x00-\x20\x7f]", lambda found: quote(found[0]), path.removeprefix(STAGE))
    url = f"{path}?{query}"
    # Few requests share a /48 block, so that no limit per address is ever reached.
    number = next(_addresses)
    address = f"2001:db8:{number & 0xFFFF:x}:{number >> 16:x}::1"
    try:
        response = gateway.call(environ["REQUEST_METHOD"], url, body, headers, ip=address)
    except LookupError:
        response = gateway.Response(404, {"Content-Type": "application/json"}, '{"message": "…"}')
    status = HTTPStatus(response.status)
    start_response(f"{status.value} {status.phrase}", list(response.headers.items()))
    return [response.text.encode()]
