"""The routes of the SDK endpoint, for requests that no API Gateway has routed."""

import re
from dataclasses import dataclass

_ROUTE = re.compile(
    r"/api/(?P<project_id>[^/]+)/"
    r"(?:(?P<kind>envelope|store|security|minidump)|unreal/(?P<sentry_key>[^/]+))"
)

# The dialog in which people say what happened.
DIALOG = "/api/embed/error-page"
_OF_OTLP = re.compile(r"(?:/api/(?P<project_id>[^/]+)/integration/otlp)?/v1/(?P<signal>[^/]+)")


@dataclass(frozen=True, slots=True)
class SdkRoute:
    """A route of the SDK endpoint.

    `kind` is `envelope`, `store`, `security`, `minidump` or `unreal`. Only the last one has a key
    in its path.
    """

    kind: str
    project_id: str
    sentry_key: str = ""


def find_route(path: str) -> SdkRoute | None:
    """Return the route of a path without a slash at its end, None if there is none."""
    found = _ROUTE.fullmatch(path)
    if found is None:
        return None
    return SdkRoute(found["kind"] or "unreal", found["project_id"], found["sentry_key"] or "")


@dataclass(frozen=True, slots=True)
class OtlpRoute:
    """A route of OTLP. `signal` is `logs`, `traces` or what else was sent.

    `project_id` is "" if the route has none.
    """

    signal: str
    project_id: str = ""


def find_otlp_route(path: str) -> OtlpRoute | None:
    """Return the route of OTLP of a path without a slash at its end, None if it is another."""
    found = _OF_OTLP.fullmatch(path)
    return OtlpRoute(found["signal"], found["project_id"] or "") if found else None
