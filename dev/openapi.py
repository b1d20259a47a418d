"""Write docs/openapi-web.yaml from the routes of the web API: `python -m dev.openapi`.

The routes and their models are the only list. A test compares the document with them.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from dev.process import ROOT
from functions.web_api.routes import ROUTES
from functions.web_api.routing import Route

DOCUMENT = ROOT / "docs" / "openapi-web.yaml"
_REF = "#/components/schemas/{model}"
_DESCRIPTION = """\
The web API speaks Sentry's public API (version 0), as far as Errata has what it is about. It stands
at the root of a host of its own, the stack's output `WebUrl`, and below the API's URL and your own
domain. Paths may end with a slash.

Each request needs a token: `Authorization: Bearer TOKEN`. Create one with `errata tokens create`. A
token is for one organization. Its scope is `read`, `write` or `ci`; `x-token-scopes` lists those
that may call a route. API keys and DSNs do not work here, and a token sends no events. A token may
send 600 requests a minute.

An organization is named by its id, a project by its id or slug. Lists have pages: follow
`rel="next"` in the header `Link` while it says `results="true"`.
"""
_ERRORS = """\
`detail` says what is wrong.

- 400: the query or the body is not valid. `errors` names each bad field. `query` says which text of
  a search is wrong, and where it is.
- 401: the token is missing or not valid.
- 403: the token's scope or its member's role does not allow this, or the address is not on the
  allowlist.
- 404: it does not exist, or the token does not see it.
- 405: the header `Allow` lists the methods.
- 413: the body is too large.
- 429, 503: try again after `Retry-After` seconds.
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def document(routes: Iterable[Route] = ROUTES) -> dict[str, Any]:
    """Return the OpenAPI document of the routes, without `/mcp`: that protocol describes itself."""
    routes = [each for each in routes if each.path != "/mcp"]
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, routes)
        paths.setdefault(openapi_path(route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Errata's web API",
            "version": "0",
            "summary": "Read and change what Errata has stored.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "https://{host}", "variables": {"host": {"default": "example.com"}}}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": _error()},
            "schemas": schemas,
        },
    }


def openapi_path(rule: str) -> str:
    """Return werkzeug's rule as OpenAPI writes it: `<path:version>` is `{version}`."""
    path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)
    return path if path.endswith(".md") else f"{path}/"


def _operation(route: Route, others: Iterable[Route]) -> dict[str, Any]:
    module = (route.respond.__module__ or "").rpartition(".")[2]
    summary = (route.respond.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
    found: dict[str, Any] = {
        "operationId": _slug(route),
        "tags": [module],
        "summary": summary,
        "x-token-scopes": sorted(route.scopes),
    }
    if parameters := _parameters(route):
        found["parameters"] = parameters
    if route.takes:
        found["requestBody"] = {"required": True, "content": _content(route.takes)}
    if route.takes_file:
        found["requestBody"] = {"required": True, "content": _form(route.takes_file)}
    error = {"$ref": "#/components/responses/Error"}
    contents = {route.status: route.gives, **route.also}
    done = {str(status): _success(content, route.media) for status, content in contents.items()}
    if route.gives_file:
        done[str(route.status)]["content"]["application/octet-stream"] = {"schema": _file()}
    if links := _links(route, others):
        done[str(route.status)]["links"] = links
    found["responses"] = {**done, "default": error}
    return found


def _success(content: Any, media: str) -> dict[str, Any]:
    found = {"description": "Done."}
    return found if content is None else {**found, "content": _content(content, media)}


def _links(route: Route, others: Iterable[Route]) -> dict[str, Any]:
    """Return links to the routes whose paths have the ids that a response leads to."""
    known = {name: f"$request.path.{name}" for name in _ids(route)}
    known |= {name: f"$response.body#{pointer}" for name, pointer in route.leads.items()}
    return {
        _slug(each): {
            "operationId": _slug(each),
            "parameters": {f"path.{name}": known[name] for name in _ids(each)},
        }
        for each in others
        if route.leads.keys() & set(_ids(each)) and set(_ids(each)) <= known.keys()
    }


def _ids(route: Route) -> list[str]:
    return re.findall(r"<(?:[^:<>]+:)?([^<>]+)>", route.path)


def _slug(route: Route) -> str:
    return re.sub(
        r"[^a-z0-9]+", "_", f"{route.method} {route.path.removeprefix('/api/0')}".lower()
    ).strip("_")


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = _ids(route)
    text = {"type": "string"}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in in_path] + [
        {"name": name, "in": "query", "description": description, "schema": text}
        for name, description in (route.parameters or {}).items()
    ]


def _content(model: Any, media: str = "application/json") -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(ref_template=_REF, by_alias=True, mode="serialization")
    schema.pop("$defs", None)
    named = model if isinstance(model, type) else None
    if named is not None and hasattr(named, "model_fields"):
        schema = {"$ref": _REF.format(model=named.__name__)}
    return {media: {"schema": schema}}


def _form(field: str) -> dict[str, Any]:
    """Return the content of a form with one file."""
    schema = {"type": "object", "required": [field], "properties": {field: _file()}}
    return {"multipart/form-data": {"schema": schema}}


def _file() -> dict[str, str]:
    return {"type": "string", "format": "binary"}


def _schemas(routes: list[Route]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for route in routes:
        if route.takes:
            _, made = models_json_schema([(route.takes, "validation")], ref_template=_REF)
            _add(found, made["$defs"])
        if route.gives is not None:
            made = TypeAdapter(route.gives).json_schema(ref_template=_REF, mode="serialization")
            _add(found, made.pop("$defs", {}))
            if "title" in made and "properties" in made:
                _add(found, {made["title"]: made})
    return dict(sorted(found.items()))


def _add(found: dict[str, Any], made: dict[str, Any]) -> None:
    """Add schemas by name. No two may have the same name."""
    for name, schema in made.items():
        if found.setdefault(name, schema) != schema:
            raise ValueError(f"There are two schemas {name}.")


def _error() -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["detail"],
        "properties": {
            "detail": {"type": "string"},
            "errors": {"type": "object"},
            "query": {
                "type": "object",
                "additionalProperties": False,
                "required": ["text", "start", "end"],
                "properties": {
                    "text": {"type": "string"},
                    "start": {"type": "integer"},
                    "end": {"type": "integer"},
                },
            },
        },
        "additionalProperties": False,
    }
    return {"description": _ERRORS, "content": {"application/json": {"schema": schema}}}


def text() -> str:
    """Return the text of the document."""
    head = "# Written by `python -m dev.openapi` from functions/web_api/routes.py. Do not edit.\n"
    body: str = yaml.dump(
        document(), Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True
    )
    return head + body


if __name__ == "__main__":
    DOCUMENT.write_text(text())
    sys.stdout.write(f"Wrote {DOCUMENT.relative_to(ROOT)}.\n")
