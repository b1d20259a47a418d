"""docs/openapi.yaml and the handlers agree on every request that Schemathesis makes."""

import json
from itertools import count
from typing import Any, ClassVar

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.specs.openapi import checks

from errata.models.event import SDK_FIELDS
from tests.support import sdk_events, template
from tests.support.account import Project
from tests.support.wsgi import application

DOCUMENT = yaml.safe_load((template.ROOT / "docs" / "openapi.yaml").read_text())

schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = application


@schemathesis.serializer("application/csp-report", "application/reports+json")
def _as_json(_: Any, value: Any) -> bytes:
    return json.dumps(value).encode()


@schemathesis.serializer("application/x-sentry-envelope", "application/x-protobuf")
def _as_it_is(_: Any, value: Any) -> bytes:
    """Encode an envelope or protobuf, which are bytes and not JSON."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


_numbers = count()
bounded = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


# The gateway sends no 405: for it, an unknown method is an unknown route.
NO_SUCH_METHOD = checks.unsupported_method
# What no schema can say: a cursor comes from a response, `clear` needs a hash, and parameters that
# are not for this route or action are ignored, whatever their value.
BY_SCHEMA_ALONE = [checks.positive_data_acceptance, checks.negative_data_rejection]


@schema.include(method="POST").parametrize()
@bounded
def test_posts_are_accepted_if_the_document_allows_them_and_else_refused(
    case: Case[Any], busy: Project
) -> None:
    # A replay is returned before the body is checked, so make each idempotency key new.
    once = case.headers.get("Idempotency-Key")
    if once and len(once) < 200:
        case.headers["Idempotency-Key"] = f"{once}{next(_numbers)}"
    headers = {"X-Api-Key": busy.key}
    excluded = [NO_SUCH_METHOD]
    if "signal" in case.path_parameters:
        # Many objects are not OTLP, and many fields of OTLP are not kept in an event.
        # If several positions have a key, only the first one counts.
        excluded += [*BY_SCHEMA_ALONE, checks.ignored_auth]
    if "project_id" in case.path_parameters:
        case.path_parameters["project_id"] = busy.id
        case.query.pop("sentry_key", None)
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={busy.public}"}
        # The valid fields of any event are kept, and an envelope is not JSON.
        excluded += BY_SCHEMA_ALONE
    case.call_and_validate(headers=headers, excluded_checks=excluded)


@schema.include(method="GET").parametrize()
@bounded
def test_every_response_to_a_get_is_documented(case: Case[Any], busy: Project) -> None:
    for name in ("id", "project_id"):
        if name in case.path_parameters:
            case.path_parameters[name] = busy.id
    excluded = [NO_SUCH_METHOD, *BY_SCHEMA_ALONE]
    case.call_and_validate(headers={"X-Api-Key": busy.key}, excluded_checks=excluded)


@pytest.mark.parametrize("sent", [sdk_events.PYTHON, sdk_events.JAVASCRIPT])
def test_an_event_of_an_sdk_matches_the_document(busy: Project, sent: dict[str, Any]) -> None:
    sdk_events.put(busy, sent)
    operation = schema["/api/projects/{id}/events"]["GET"]
    case = operation.Case(path_parameters={"id": busy.id})
    response = case.call_and_validate(headers={"X-Api-Key": busy.key})
    (event,) = response.json()["data"]
    documented = DOCUMENT["components"]["schemas"]["Event"]["properties"]
    assert {name for name in SDK_FIELDS if name in sent} <= set(event)
    assert set(SDK_FIELDS) <= set(documented)


def test_the_links_of_a_generated_key_lead_to_submitting_and_reading() -> None:
    linked = schema.include(path="/api.php").as_state_machine()

    class Script(linked):  # type: ignore[misc,valid-type]  # made by schemathesis at run time
        """Generates keys, and follows the document's links with them."""

        seen: ClassVar[set[tuple[str, int]]] = set()

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            excluded = [NO_SUCH_METHOD, *BY_SCHEMA_ALONE]
            case.validate_response(response, excluded_checks=excluded)
            self.seen.add((case.method, response.status_code))

    Script.run(settings=settings(bounded, max_examples=15, stateful_step_count=6))
    assert Script.seen >= {("GET", 200), ("POST", 200)}
