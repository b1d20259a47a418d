"""The routes of the web API, and their document."""

import pytest

from dev import openapi
from functions.web_api.routes import ROUTES
from functions.web_api.routing import ANY, Route
from tests.support import template

_ID = pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")


def test_the_document_is_generated_from_the_routes() -> None:
    """`python -m dev.openapi` writes it again."""
    assert openapi.DOCUMENT.read_text() == openapi.text()


def test_no_two_routes_are_the_same() -> None:
    named = [(each.method, openapi.openapi_path(each.path)) for each in ROUTES]
    assert len(set(named)) == len(named)


@_ID
def test_a_route_needs_a_scope_and_the_scope_read_allows_only_get_and_mcp(route: Route) -> None:
    assert route.scopes
    assert route.scopes <= ANY
    if "read" in route.scopes:
        assert route.method == "GET" or route.path == "/mcp"


@_ID
def test_the_gateway_has_the_route(route: Route) -> None:
    assert not route.path.endswith("/")
    proxied = "/api/0/{proxy+}" if route.path.startswith("/api/0/") else route.path
    assert template.routes()[route.method, proxied] == "WebApiFunction"
