"""Routes of the web API: which function handles a request, and what its token must allow."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from errata.errors import ForbiddenError, MethodNotAllowedError, NotFoundError
from errata.models.token import TokenScope
from functions.web_api.context import Context
from functions.web_api.request import ApiRequest, ApiResponse

# The scopes that may call a route.
READ: frozenset[TokenScope] = frozenset({"read", "write"})
WRITE: frozenset[TokenScope] = frozenset({"write"})
CI: frozenset[TokenScope] = frozenset({"write", "ci"})
ANY: frozenset[TokenScope] = frozenset({"read", "write", "ci"})


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A route.

    Attributes:
        path: werkzeug's rule, without a slash at its end. Requests may have one.
        scopes: the scopes of tokens that may call it.
        respond: gets the context, and the ids in the path by name.
        takes: the model of the request's body, None if it has none.
        takes_file: the field of a form that has one file, "" if the body is no form.
        gives: the type of the response's content, None if it has none.
        gives_file: whether it may be a file instead.
        parameters: query parameters: what each means, by name.
        status: of a response without an error.
        media: the type of its body.
        leads: ids in the paths of other routes by name: where the response has them, as a JSON
            pointer. The OpenAPI document has a link to each of these routes.
        also: other statuses without an error, each with the type of the content, None if there is
            none.
    """

    method: str
    path: str
    scopes: frozenset[TokenScope]
    respond: Callable[..., ApiResponse]
    takes: type[BaseModel] | None = None
    takes_file: str = ""
    gives: Any = None
    gives_file: bool = False
    parameters: dict[str, str] | None = None
    status: int = 200
    media: str = "application/json"
    leads: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[int, Any] = field(default_factory=dict)


class Router:
    """All routes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._rules = Map(merge_slashes=False)
        for each in routes:
            self._rules.add(Rule(each.path, methods=[each.method], endpoint=each))

    def match(self, request: ApiRequest) -> tuple[Route, dict[str, Any]]:
        """Return the route of a request, and the ids in its path by name.

        Raises:
            MethodNotAllowedError: the path has other methods.
            NotFoundError: there is no such path.
        """
        route: Route
        try:
            route, ids = self._rules.bind("").match(request.path or "/", request.method)
        except MethodNotAllowed as error:
            # werkzeug adds HEAD to GET. API Gateway does not pass it on.
            allowed = sorted(set(error.valid_methods or ()) - {"HEAD"})
            message = f"Method not allowed. Use {', '.join(allowed)}."
            raise MethodNotAllowedError(message, allowed) from None
        except NotFound:
            raise NotFoundError("There is no such route.") from None
        return route, dict(ids)


def respond(route: Route, ids: dict[str, Any], context: Context) -> ApiResponse:
    """Return the response of a route.

    Raises:
        ForbiddenError: the token has another scope.
        ErrataError: as the route.
    """
    scope = context.bearer.token.scope
    if scope not in route.scopes:
        needed = " or ".join(sorted(route.scopes))
        raise ForbiddenError(f"The token has the scope {scope}. This call needs {needed}.")
    return route.respond(context, **ids)
