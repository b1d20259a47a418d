"""The commands of `errata`, for those who have a token and no AWS credentials.

Sentry's API has no form for what a command prints: a verdict, shares of values, alert rules. So
each command has a route of its own, which calls the same function as the command does with AWS
credentials (docs/decisions/0066-commands-by-the-web-api.md).
"""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from errata.models.result import Result
from errata.usecases import issue_results, projects, slugs
from errata.usecases.addresses import DashboardPages, find_page
from errata.usecases.result_calls import CALLS, ResultCall
from errata.usecases.results import Work
from functions.web_api.context import Context, invalid
from functions.web_api.request import ApiResponse
from functions.web_api.routing import READ, WRITE, Route

_ORGANIZATION = "/api/0/organizations/<organization>/commands"
_PROJECT = "/api/0/projects/<organization>/<project>/commands"


class Options(BaseModel):
    """Base of the options of a command. Forbids unknown options, and coerces none."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QueryOptions(BaseModel):
    """Base of the options of a command that only reads. Coerces the texts of the query."""

    model_config = ConfigDict(extra="forbid")


class CommandResult(BaseModel):
    """What a command prints with `--json`, and what its text needs besides."""

    json_: Any
    more: Any

    model_config = ConfigDict(alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


def _options_of[M: BaseModel](name: str, function: Callable[..., Result], base: type[M]) -> type[M]:
    """Return the model of a command's options: the keyword arguments of its function."""
    fields: Any = {
        each.name: (each.annotation, ... if each.default is each.empty else each.default)
        for each in inspect.signature(function).parameters.values()
        if each.kind is each.KEYWORD_ONLY
    }
    words = name.replace("-", "/").split("/")
    title = "".join(word.capitalize() for word in words)
    return create_model(f"{title}Options", __base__=base, **fields)


def _of_project(name: str, call: ResultCall) -> Route:
    """Return the route of a command: GET if it only reads, or else POST."""
    model = _options_of(name, call.run, Options if call.changes else QueryOptions)
    read = _body if call.changes else _query

    def respond(context: Context, organization: str, project: str) -> ApiResponse:
        found = slugs.shown(context.project(organization, project))
        if call.administers:
            context.must_administer()
        work = Work(found, context.visible(found), context.bearer.name)
        return _response(call.run(work, **read(context, model)))

    respond.__doc__ = call.run.__doc__
    path = f"{_PROJECT}/{name}"
    if call.changes:
        return Route("POST", path, WRITE, respond, takes=model, gives=CommandResult)
    return Route("GET", path, READ, respond, gives=CommandResult, parameters=_parameters(model))


def _body(context: Context, model: type[BaseModel]) -> dict[str, Any]:
    return context.read(model).model_dump(exclude_unset=True)


def _query(context: Context, model: type[BaseModel]) -> dict[str, Any]:
    try:
        found = model.model_validate(dict(context.query.items()))
    except ValidationError as error:
        raise invalid(error) from None
    return found.model_dump(exclude_unset=True)


def _parameters(model: type[BaseModel]) -> dict[str, str]:
    return dict.fromkeys(model.model_fields, "As the option or argument of the command.")


class OpenOptions(QueryOptions):
    """The options of `errata open`."""

    name: str = ""


def open_(context: Context, organization: str) -> ApiResponse:
    """Return the dashboard page of an issue, an event or a project."""
    owner = context.check_organization(organization)
    seen = [each for each in projects.list_of(owner) if context.bearer.sees(each)]
    pages = DashboardPages(seen, context.dashboard_url, context.now_ms)
    return _response(
        Result({"url": find_page(pages, _query(context, OpenOptions).get("name", ""))})
    )


_AcrossOptions = _options_of("issues/list/across", issue_results.list_across, QueryOptions)


def list_across(context: Context, organization: str) -> ApiResponse:
    """Return a page of the issues of the projects that the token sees."""
    context.check_organization(organization)
    bearer, options = context.bearer, _query(context, _AcrossOptions)
    member = bearer.token.member
    return _response(issue_results.list_across(organization, bearer.sees, member, **options))


def _response(result: Result) -> ApiResponse:
    return ApiResponse(CommandResult(json_=result.json, more=result.more))


def _of_organization(name: str, respond: Callable[..., ApiResponse], model: Any) -> Route:
    path = f"{_ORGANIZATION}/{name}"
    return Route("GET", path, READ, respond, gives=CommandResult, parameters=_parameters(model))


ROUTES = [
    *(_of_project(name, call) for name, call in CALLS.items()),
    _of_organization("open", open_, OpenOptions),
    _of_organization("issues/list", list_across, _AcrossOptions),
]
