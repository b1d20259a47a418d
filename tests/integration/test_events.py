"""events/<function>/<case>.json: sample Lambda events, as AWS sends them, each run here.

Try one by hand: `sam local invoke IngestFunction -e events/ingest/accepted.json`.
"""

import base64
import gzip
import json
from typing import Any

import pytest

from errata.store import watermarks
from errata.usecases import issues, loss_ledger, projects
from tests.support import account, function_url, stream, template
from tests.support.account import Clock, Project
from tests.support.clients import capture, events, ingest
from tests.support.gateway import handler
from tests.support.visible import visible_in

FOLDER = template.ROOT / "events"
# The key that the samples carry; it belongs to the first project.
KEY = "0123456789abcdef0123456789abcdef"
SHOP = Project("1", KEY)
# The public key in the samples of SDKs, which the authorizer has resolved.
DSN_KEY = "fedcba9876543210fedcba9876543210"
# When the samples were taken: 2026-11-22T10:00:00Z.
AT_NS = 1_795_341_600_000_000_000

AT_URLS = {"sentry_ingest/url", "sentry_ingest/otlp"}
CASES = sorted(f"{file.parent.name}/{file.stem}" for file in FOLDER.glob("*/*.json"))


@pytest.fixture(autouse=True)
def _shop(aws: None, clock: Clock) -> None:
    clock.ns = AT_NS
    assert projects.create("shop", KEY)


def sample(case: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / f"{case}.json").read_text())
    return event


def run(case: str) -> Any:
    return handler(case.split("/")[0])(sample(case), None)


def response_of(case: str) -> tuple[int, Any]:
    """Return the status and content of an HTTP function's response."""
    response = run(case)
    assert set(response) - {"isBase64Encoded"} == {"statusCode", "headers", "body"}
    assert not response.get("isBase64Encoded")
    return response["statusCode"], json.loads(response["body"])


# ------------------------------------------------------------------ the HTTP functions


@pytest.mark.parametrize("name", ["accepted", "gzip", "key_in_body"])
def test_ingest_stores_the_event(name: str) -> None:
    status, content = response_of(f"ingest/{name}")
    (event,) = events(SHOP)
    assert (status, content) == (202, {"id": event["id"]})
    assert (event["exception_class"], event["user"]["id"]) == ("ValueError", 7)


def test_ingest_replays_a_request_that_is_sent_twice() -> None:
    first, second = run("ingest/gzip"), run("ingest/gzip")
    assert first["body"] == second["body"]
    assert second["headers"]["Idempotency-Replayed"] == "true"


def test_ingest_refuses_an_unknown_key_and_bad_fields() -> None:
    assert response_of("ingest/unknown_key") == (401, {"message": "Invalid API key."})
    status, content = response_of("ingest/invalid")
    assert status == 422
    assert set(content["errors"]) == {"level", "line", "message", "exception_class"}
    assert events(SHOP) == []


@pytest.mark.parametrize("name", ["newest", "filtered"])
def test_read_events_returns_a_page(name: str) -> None:
    accepted = ingest(SHOP, {"message": "boom", "release": "2026.11.1"}).json
    status, page = response_of(f"read_events/{name}")
    assert (status, [event["id"] for event in page["data"]]) == (200, [accepted["id"]])


def test_read_events_names_a_bad_filter() -> None:
    status, content = response_of("read_events/bad_filter")
    assert (status, set(content["errors"])) == (422, {"level"})


def test_legacy_api_submits_reads_and_clears() -> None:
    assert response_of("legacy_api/submit") == (200, {"ok": True, "id": 1})
    status, content = response_of("legacy_api/errors")
    assert (status, content["errors"][0]["hostname"]) == (200, "dev-machine")
    assert response_of("legacy_api/clear") == (200, {"ok": True, "deleted": 1})
    assert response_of("legacy_api/errors") == (200, {"errors": []})


def test_legacy_api_generates_a_key_and_refuses_other_methods() -> None:
    status, content = response_of("legacy_api/generate")
    assert (status, len(content["hash"])) == (200, 32)
    assert projects.find("2").name == "my script"
    assert response_of("legacy_api/put")[0] == 405


@pytest.mark.parametrize("name", ["envelope", "store"])
def test_sentry_ingest_stores_the_event(name: str) -> None:
    status, content = response_of(f"sentry_ingest/{name}")
    (event,) = events(SHOP)
    assert (status, content) == (200, {"id": event["event_id"]})
    assert (event["exception_class"], event["user"]["id"]) == ("ValueError", 7)
    # The second one is the first again.
    assert response_of(f"sentry_ingest/{name}") == (status, content)
    assert len(events(SHOP)) == 1


def test_sentry_ingest_stores_an_event_at_its_own_url() -> None:
    (found,) = [each for each in projects.list_keys("1") if each.public]
    event = sample("sentry_ingest/url")
    assert keys_of(event) == keys_of(function_url.request("POST", "/", b"\xff"))
    auth = event["headers"]["x-sentry-auth"].replace(DSN_KEY, found.public)
    event["headers"]["x-sentry-auth"] = auth
    assert handler("sentry_ingest")(event, None)["statusCode"] == 200
    assert events(SHOP)[0]["exception_class"] == "ValueError"


def test_sentry_ingest_stores_an_exception_of_opentelemetry() -> None:
    event = sample("sentry_ingest/otlp")
    assert keys_of(event) == keys_of(function_url.request("POST", "/", b"\xff"))
    assert response_of("sentry_ingest/otlp") == (200, {})
    (stored,) = events(SHOP)
    assert (stored["exception_class"], stored["transaction"]) == ("ValueError", "GET /cart")


def test_sentry_ingest_stores_a_report_of_a_browser() -> None:
    status, content = response_of("sentry_ingest/security")
    assert (status, len(content["id"])) == (200, 32)


def test_sentry_ingest_refuses_an_unknown_key() -> None:
    assert response_of("sentry_ingest/unknown_key")[0] == 401
    assert events(SHOP) == []


@pytest.mark.parametrize("name", ["header", "bearer", "query"])
def test_the_authorizer_returns_the_project_of_a_key(name: str) -> None:
    verdict = run(f"authorizer/{name}")
    (statement,) = verdict["policyDocument"]["Statement"]
    arn = "arn:aws:execute-api:eu-central-1:123456789012:abc123/v1/*"
    assert (statement["Effect"], statement["Resource"]) == ("Allow", arn)
    assert verdict["usageIdentifierKey"] == "unmetered-gateway-key"
    # What API Gateway then passes to the function.
    passed = sample("ingest/accepted")["requestContext"]["authorizer"]
    assert {**passed, **verdict["context"]} == passed


@pytest.mark.parametrize("name", ["unknown_key", "dsn"])
def test_the_authorizer_denies_an_unknown_key(name: str) -> None:
    verdict = run(f"authorizer/{name}")
    assert verdict["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert set(verdict["context"]) == {"body"}


def test_the_authorizer_allows_a_request_without_a_key_to_api_php() -> None:
    verdict = run("authorizer/no_key")
    assert verdict["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert verdict["context"] == {"key": "absent"}


# ------------------------------------------------------------------ the functions behind the stream


def test_digest_groups_a_batch() -> None:
    assert run("digest/batch") == {"batchItemFailures": []}
    counts = {issue.title: issue.count for issue in issues.list_issues(visible_in("1"))}
    assert counts == {
        "ValueError: invalid literal for int() with base 10: 'x'": 2,
        "Undefined variable $x": 1,
    }
    (release,) = issues.list_releases(visible_in("1"))
    assert (release.release, release.events, release.open_issues) == ("2026.11.1", 2, 1)


def test_digest_dead_letters_a_record_that_it_cannot_read() -> None:
    assert run("digest/unreadable") == {"batchItemFailures": []}
    (letter,) = account.dead_letters()
    assert json.loads(letter)["project_id"] == "1"


def test_cleanup_deletes_what_was_cleared() -> None:
    capture(SHOP)
    response_of("legacy_api/clear")
    assert run("cleanup/cleared") is None
    assert stream.stored_events() == []


def test_cleanup_drops_the_ids_of_events_that_were_recent_at_a_clear(clock: Clock) -> None:
    assert ingest(SHOP).status == 202
    response_of("legacy_api/clear")
    assert watermarks.find_watermark("1").also
    clock.days(2)
    assert run("cleanup/timed_out") is None
    assert not watermarks.find_watermark("1").also


def test_cleanup_deletes_the_events_of_a_deleted_issue(clock: Clock) -> None:
    run("digest/batch")
    capture(SHOP)
    stream.pump(stream.records())
    (issue,) = (each for each in issues.list_issues(visible_in("1")) if each.title == "careful")
    issues.delete(visible_in("1", clock.ms), issue.id, "anna@example.com")
    assert run("cleanup/deleted") is None
    assert stream.stored_events() == []


# ------------------------------------------------------------------ the samples themselves


def keys_of(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def by_kind(kind: str) -> list[str]:
    """Return the samples of functions with an event source of this kind."""
    sources = {
        template.folder(name)
        for name, function in template.of_type("AWS::Serverless::Function").items()
        for source in function.get("Events", {}).values()
        if source["Type"] == kind
    }
    return [case for case in CASES if case.split("/")[0] in sources]


def test_every_function_has_samples() -> None:
    functions = template.of_type("AWS::Serverless::Function")
    # The functions for log lines and check-ins are in nested stacks.
    wanted = {template.folder(name) for name in functions} | {"log_capture", "monitors"}
    assert {case.split("/")[0] for case in CASES} == wanted


@pytest.mark.parametrize("case", CASES)
def test_every_sample_gets_a_response(case: str) -> None:
    response_of("legacy_api/clear")  # a sample is about this clear
    response = run(case)
    if case in by_kind("Api"):
        assert response["statusCode"] in (200, 202, 303, 400, 401, 403, 404, 405, 422)
    elif case.startswith("log_capture/"):
        assert response is None
    elif case.startswith("monitors/"):
        assert response == {"batchItemFailures": []}
    elif case in by_kind("DynamoDB") + by_kind("SQS") + by_kind("CloudWatchLogs"):
        assert response in (None, {"batchItemFailures": []})
    else:
        assert response["policyDocument"]


def test_ledger_counts_a_lost_event() -> None:
    run("ledger/lost")
    assert loss_ledger.by_day(visible_in("1"), 1) == {"2026-11-22": (0, {"invalid": 1})}


def test_monitors_opens_an_issue_for_a_failed_run() -> None:
    assert run("monitors/failed_run") == {"batchItemFailures": []}
    stream.pump(stream.records())
    (issue,) = issues.list_issues(visible_in("1"))
    assert issue.title == "nightly: failed run"


def test_log_capture_makes_an_event_of_a_timeout() -> None:
    run("log_capture/timeout")
    run("log_capture/timeout")
    (event,) = events(SHOP)
    assert event["exception_class"] == "Sandbox.Timedout"


@pytest.mark.parametrize("case", sorted({*by_kind("Api")} - AT_URLS))
def test_a_sample_request_is_for_a_route_of_the_template(case: str) -> None:
    event = sample(case)
    function = template.routes()[event["httpMethod"], event["resource"]]
    assert template.folder(function) == case.split("/")[0]
    assert keys_of(event) == keys_of(sample("ingest/accepted"))
    whole = keys_of(sample("ingest/accepted")["requestContext"])
    # A route without a key has no authorizer.
    open_route = template.is_open(event["httpMethod"], event["resource"])
    assert keys_of(event["requestContext"]) == whole - ({"authorizer"} if open_route else set())


@pytest.mark.parametrize("case", by_kind("DynamoDB"))
def test_a_sample_stream_record_passes_the_filter_of_the_template(case: str) -> None:
    (function,) = [
        properties
        for name, properties in template.of_type("AWS::Serverless::Function").items()
        if template.folder(name) == case.split("/")[0]
    ]
    (source,) = function["Events"].values()
    patterns = [
        json.loads(each["Pattern"]) for each in source["Properties"]["FilterCriteria"]["Filters"]
    ]
    for record in sample(case)["Records"]:
        assert any(matches(pattern, record) for pattern in patterns)


def matches(pattern: Any, value: Any) -> bool:
    """Apply Lambda's filter rules, as far as the template uses them."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            matches(inner, value.get(name)) for name, inner in pattern.items()
        )
    prefixes = tuple(each["prefix"] for each in pattern if "prefix" in (each or ()))
    return (
        value in pattern
        or (value is not None and {"exists": True} in pattern)
        or (isinstance(value, str) and value.startswith(prefixes))
    )


def test_the_billing_webhook_is_404_without_a_configured_secret() -> None:
    response = handler("billing_webhook")(sample("billing_webhook/no_secret"), None)
    assert response["statusCode"] == 404


# ------------------------------------------------------------------ the dashboard


def paged(case: str) -> tuple[int, dict[str, str], str]:
    """Return the status, headers and page of the dashboard's response."""
    response = run(f"dashboard/{case}")
    content = base64.b64decode(response["body"])
    zipped = response["headers"].get("Content-Encoding") == "gzip"
    page = gzip.decompress(content) if zipped else content
    return response["statusCode"], response["headers"], page.decode()


def test_the_dashboard_shows_the_sign_in_form() -> None:
    status, _, page = paged("sign_in")
    assert status == 200
    assert 'name="password"' in page


def test_the_dashboard_redirects_to_the_sign_in_without_a_session() -> None:
    status, headers, page = paged("signed_out")
    assert (status, page) == (303, "")
    assert headers["Location"] == "../../sign-in?next=projects%2F1%2Fissues"


def test_the_dashboard_refuses_a_forged_form() -> None:
    status, _, page = paged("forged")
    assert status == 403
    assert "Reload the page" in page
