"""Requests and responses of the web API, whichever way they come.

Through API Gateway, below a stage; or at the root of the function's own URL.
"""

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from errata import gateway
from errata.config import settings

_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the web API. `path` is decoded, and ends without a slash.

    Attributes:
        headers: with lower-case names.
        address: the caller's, as AWS saw it.
        web_url: base URL of the web API, without a slash at its end.
        api_url: base URL of the API, "" if only the caller's token knows it.
    """

    method: str
    path: str
    query: MultiDict[str, str]
    headers: dict[str, str]
    body: bytes
    address: str
    web_url: str
    api_url: str


def read(event: gateway.HttpEvent) -> ApiRequest:
    """Return the request in a Lambda event."""
    context = event["requestContext"]
    is_url = gateway.of_url(event)
    stage = "" if is_url else context["path"].removesuffix(event["path"])
    here = f"https://{context['domainName']}{stage}"
    return ApiRequest(
        method=gateway.method(event),
        path=unquote(gateway.path(event)),
        query=_query(event),
        headers=gateway.headers(event),
        body=gateway.body(event),
        address=gateway.address(event),
        web_url=settings().web_url or here,
        api_url="" if is_url else here,
    )


def _query(event: gateway.HttpEvent) -> MultiDict[str, str]:
    if gateway.of_url(event):
        return MultiDict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    return MultiDict(event.get("multiValueQueryStringParameters") or {})


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response. `content` is a model, a list of models, plain JSON values, or None: no body.

    `text`, `file`: another body than JSON, with `Content-Type` among the headers.
    """

    content: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    file: bytes | None = None


def error(status: int, detail: str, **more: object) -> ApiResponse:
    """Return the response to a refused request, in the form of Sentry's API."""
    return ApiResponse({"detail": detail, **more}, status)


def to_gateway_response(response: ApiResponse) -> gateway.HttpResponse:
    """Return API Gateway's form of a response. A function's URL takes it, too."""
    headers = {**_HEADERS, **response.headers}
    if response.file is not None:
        content = base64.b64encode(response.file).decode()
        return {
            "statusCode": response.status,
            "headers": headers,
            "body": content,
            "isBase64Encoded": True,
        }
    body = response.text
    if body is None and response.status != 204:
        body = json.dumps(response.content, default=_plain, ensure_ascii=False)
    return {
        "statusCode": response.status,
        "headers": headers,
        "body": body or "",
    }


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")
