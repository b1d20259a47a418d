"""Convert a proxy event into a dashboard request, and a response for API Gateway."""

import base64
import gzip
from typing import Any

import pytest

from errata.errors import InvalidInputError, MethodNotAllowedError, NotFoundError
from functions.dashboard.routing import open_get, respond
from functions.dashboard.web import (
    MAX_FORM_BYTES,
    PageRequest,
    PageResponse,
    redirect,
    to_gateway_response,
)


def request(
    path: str = "/dashboard/sign-in", method: str = "GET", body: bytes = b"", **headers: str
) -> PageRequest:
    return PageRequest(
        {
            "path": path,
            "httpMethod": method,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "queryStringParameters": {"next": "a&b=ü"},
            "requestContext": {
                "path": f"/v1{path}",
                "domainName": "errors.example.com",
                "apiId": "api",
                "stage": "v1",
                "identity": {"sourceIp": "203.0.113.9"},
            },
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
    )


def test_a_form_keeps_empty_and_repeated_fields_with_any_content_type() -> None:
    form = request(body="name=+ü%20&team=1&team=2&label=".encode(), content_type="text/plain").form
    assert (form["name"], form.getlist("team"), form["label"]) == (" ü ", ["1", "2"], "")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"x" * (MAX_FORM_BYTES + 1), "This form is too large."),
        (b"name=\xff", "This form cannot be read."),
    ],
    ids=["large", "not UTF-8"],
)
def test_a_form_that_is_too_large_or_not_utf_8_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        _ = request(body=body).form
    assert refused.value.errors == {"form": [problem]}


def test_a_form_of_the_largest_size_is_read() -> None:
    assert len(request(body=b"x=" + b"y" * (MAX_FORM_BYTES - 2)).form["x"]) == MAX_FORM_BYTES - 2


def test_a_query_is_decoded_once() -> None:
    assert request().args["next"] == "a&b=ü"


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/dashboard", "dashboard/"),
        ("/dashboard/", "./"),
        ("/dashboard/projects", "./"),
        ("/dashboard/projects/1/issues", "../../"),
    ],
)
def test_the_root_of_links_is_relative_to_the_path(path: str, root: str) -> None:
    asked = request(path)
    assert (asked.root, asked.api_url) == (root, "https://errors.example.com/v1")


def test_a_cookie_is_only_for_this_host_and_not_for_scripts() -> None:
    response = redirect("projects").with_cookie("__Host-a", "1", 60).with_cookie("__Host-b", "", 0)
    sent = to_gateway_response(response, request())
    first, second = sent["multiValueHeaders"]["Set-Cookie"]
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in first.split("; ")
        assert flag in second.split("; ")
    assert (first.split("; ")[0], second.split("; ")[0]) == ("__Host-a=1", "__Host-b=")
    assert "Max-Age=60" in first
    assert "Max-Age=0" in second
    assert "Domain" not in first + second
    assert (sent["statusCode"], sent["headers"]["Location"]) == (303, "projects")


@pytest.mark.parametrize(
    ("accepted", "compressed"), [("gzip, br", True), ("br", False), ("gzip;q=0", False)]
)
def test_a_page_is_compressed_for_browsers_that_accept_it(accepted: str, compressed: bool) -> None:
    text = "ü" * 1_000
    sent = to_gateway_response(PageResponse(text), request(accept_encoding=accepted))
    body = base64.b64decode(sent["body"])
    assert (gzip.decompress(body) if compressed else body).decode() == text
    assert ("Content-Encoding" in sent["headers"]) == compressed
    assert sent["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "Content-Length" not in sent["headers"]


def never(token: str) -> Any:
    raise AssertionError(token)


@open_get("tested/<project:project_id>")
def page(request: PageRequest, _now_ms: int) -> PageResponse:
    """A page that shows which project is in its path."""
    return PageResponse(request.ids["project_id"])


@pytest.mark.parametrize("path", ["tested/1", "tested/1/"])
def test_a_path_is_routed_to_its_page(path: str) -> None:
    assert respond(request(f"/dashboard/{path}"), 0, never).get_data() == b"1"


@pytest.mark.parametrize("path", ["tested//1", "tested", "tested/x", "tested/ü", "tested/1|1"])
def test_any_other_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFoundError):
        respond(request(f"/dashboard/{path}"), 0, never)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_method_that_a_page_does_not_support_is_refused(method: str) -> None:
    with pytest.raises(MethodNotAllowedError, match="supports only GET\\."):
        respond(request("/dashboard/tested/1", method), 0, never)
