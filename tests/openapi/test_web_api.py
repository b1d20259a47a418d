"""docs/openapi-web.yaml and the web API agree on every request that Schemathesis makes."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.support import sdk_events, web_api
from tests.support.account import Project
from tests.support.shop import TIMEOUT, Shop, new_shop
from tests.support.template import ROOT

DOCUMENT = yaml.safe_load((ROOT / "docs" / "openapi-web.yaml").read_text())


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Pass a request to the function, as its own URL does."""
    stream: Any = environ["wsgi.input"]
    body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") or None
    query = environ.get("QUERY_STRING", "")
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    target = f"{quote(path)}?{query}" if query else quote(path)
    response = web_api.call(environ["REQUEST_METHOD"], target, token, body)
    status = HTTPStatus(response.status)
    start_response(f"{status.value} {status.phrase}", list(response.headers.items()))
    return [response.text.encode()]


schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = application
bounded = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
# What no schema can say: which ids exist, what a query or a cursor means, and that the path below
# a release may also be a version with a slash.
EXCLUDED = [
    checks.positive_data_acceptance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]


@pytest.fixture
def shop(busy: Project) -> Shop:
    """Return a project with issues, events and a release."""
    found = new_shop(busy)
    sdk_events.put(busy, sdk_events.PYTHON)
    found.send(TIMEOUT, {**TIMEOUT, "fingerprint": "other"})
    return found


def use_existing_names(case: Case[Any], shop: Shop) -> dict[str, str]:
    """Put names that exist into the path of a request. Return its headers."""
    there = {"organization": "default", "project": shop.slug}
    names = {
        **there,
        "issue": str((int(shop.id) << 32) + 1),
        "event": "latest" if "issue" in case.path_parameters else sdk_events.PYTHON["event_id"],
        "short_id": f"{shop.slug}-1",
        "version": "shop@1.0",
        "key": "bank",
    }
    for name in case.path_parameters:
        if name in names:
            case.path_parameters[name] = names[name]
    return {"Authorization": f"Bearer {shop.token}"}


def test_every_response_is_documented(shop: Shop) -> None:
    """In one test: a fixture for each operation costs more than its requests do."""
    # Routes that differ in their path only are tried once.
    tried = schema.exclude(path_regex=r"^/api/0/issues/|/notes/")
    for found in tried.get_all_operations():
        assert isinstance(found, Ok)

        @given(case=found.ok().as_strategy())
        @bounded
        def check(case: Case[Any]) -> None:
            case.call_and_validate(headers=use_existing_names(case, shop), excluded_checks=EXCLUDED)

        check()


# Lists that lead to issues, and what is below an issue.
LINKED = r"/projects/\{organization\}/\{project\}/(issues|changes)|/organizations/.*\{issue\}"


def test_links_lead_from_lists_to_issues_events_comments_and_changes(shop: Shop) -> None:
    # A deleted item leads nowhere.
    kept = schema.include(path_regex=LINKED).exclude(method="DELETE")
    linked = kept.as_state_machine()
    headers = {"Authorization": f"Bearer {shop.token}"}

    class Tool(linked):  # type: ignore[misc,valid-type]  # made by schemathesis at run time
        """Follows the links of the document."""

        seen: ClassVar[set[tuple[str, str]]] = set()

        def before_call(self, case: Case[Any]) -> None:
            for name in ("organization", "project"):
                if name in case.path_parameters:
                    case.path_parameters[name] = {"organization": "default"}.get(name, shop.slug)
            if case.method == "GET":
                case.query.clear()

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": headers}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            case.validate_response(response, excluded_checks=EXCLUDED, headers=headers)
            if response.status_code < 300:
                self.seen.add((case.method, case.operation.path))

    Tool.run(settings=settings(bounded, max_examples=30, stateful_step_count=8))
    below = {path for _, path in Tool.seen if "{issue}" in path}
    assert len(below) > 3, sorted(Tool.seen)
