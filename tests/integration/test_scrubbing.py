"""A secret that is sent to any endpoint, in any field, is neither stored nor shown nor logged."""

import base64
import copy
import json
import logging
import urllib.parse
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from errata.grouping import v1
from errata.models.event import unpack
from errata.usecases import (
    access,
    apply_scrubbing,
    members,
    projects,
    scrubbing_rules,
    webhooks,
)
from tests.support import sdk, stream
from tests.support.account import Clock, Project, new_project, rows
from tests.support.browser import signed_in, words
from tests.support.clients import capture, errors, events, ingest, kept
from tests.support.pages import OWNER
from tests.support.planted import (
    ALL,
    BY_FORM,
    MODULES,
    NAMES,
    OWN,
    SDK_EXEMPT,
    SOURCE,
    anything,
    ingest_body,
    legacy_body,
    places,
    sdk_event,
)
from tests.support.webhooks import queued

HIDDEN = "hush-Zq7Vx2Lm9Kp4"
# The kinds whose pages are opened.
ON_PAGES = ["card", "jwt", "query", "json in json"]
# Fields in the schemas of all endpoints. They grow with the schemas.
LEAST_PLACES = 150

type OfObject = Callable[[], dict[str, Any]]
# `exempt` are the fields that keep what is planted.
type Send = Callable[[Project, Any, OfObject, set[str]], None]


def _to_sdk(project: Project, plant: Any, of_object: OfObject, exempt: set[str]) -> None:
    sent = sdk.event(**sdk_event(plant, of_object, exempt))
    for changed in ({}, {"exception": None, "threads": None}):
        each = {**sent, **changed, "event_id": sdk.event()["event_id"]}
        assert sdk.post(project, sdk.of_event(each)).status == 200
    bad = {**sent, "event_id": plant, "timestamp": plant}
    assert sdk.post(project, json.dumps(bad).encode(), "store/").status == 200
    attached = json.dumps({"type": "attachment", "length": 1, "filename": plant}).encode()
    body = sdk.envelope(sdk.item("event", sdk.event()), attached + b"\nx")
    assert sdk.post(project, body).status == 200


def _to_security(project: Project, plant: Any, _: OfObject, __: set[str]) -> None:
    names = ("document-uri", "blocked-uri", "referrer", "script-sample", "source-file")
    report = {"csp-report": {**dict.fromkeys(names, plant), "violated-directive": "img-src"}}
    assert sdk.post(project, json.dumps(report).encode(), "security/").status == 200


def _to_ingest(project: Project, plant: Any, of_object: OfObject, exempt: set[str]) -> None:
    response = ingest(project, ingest_body(plant, of_object, exempt))
    assert response.status == 202, response.text


def _to_legacy(project: Project, plant: Any, of_object: OfObject, _: set[str]) -> None:
    body = legacy_body(plant, of_object)
    response = capture(project, **{**body, "level": body["level"][:200]})
    assert response.status == 200, response.text


ENDPOINTS: dict[str, Send] = {
    "sdk": _to_sdk,
    "security": _to_security,
    "ingest": _to_ingest,
    "legacy": _to_legacy,
}


def everything(project: Project, *, pages: bool = True) -> str:
    """Return all that anybody can see of a project's events: tables, queues, responses, pages.

    `pages`: with those of the dashboard, which show what is stored.
    """
    assert stream.deliver(stream.records()) == []
    stored = rows()
    unpacked = [
        unpack(item["payload"]["B"]) for item in stream.stored_events() if "payload" in item
    ]
    parts = [repr(stored), json.dumps(unpacked, ensure_ascii=False), repr(queued())]
    listed = events(project)
    parts += [json.dumps(each, ensure_ascii=False) for each in (listed, errors(project))]
    if not pages:
        return "\n".join(parts)
    members.add("default", OWNER, "owner")
    browser = signed_in(OWNER)
    # The page of an issue is that of its newest event.
    paths = ["issues", *(f"events/{event['id']}" for event in listed)]
    paths += sorted({f"issues/{event['issue_id']}/tags" for event in listed})
    shown = [browser.get(f"projects/{project.id}/{path}") for path in paths]
    assert {each.status for each in shown} == {200}
    return "\n".join([*parts, *(each.html for each in shown)])


def assert_nowhere(secret: str, text: str, kind: str = "") -> None:
    """Fail if a secret is in a text, as it is or as formats write it."""
    forms = {secret, urllib.parse.quote(secret), base64.b64encode(secret.encode()).decode()}
    for each in forms:
        at = text.find(each)
        assert at < 0, f"{kind}: {text[max(0, at - 300) : at + 100]}"


# Pages take the most time, and can only show what is stored: those of some kinds are enough.
@pytest.mark.parametrize("kinds", [[*ALL], ON_PAGES], ids=["stored", "shown"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_secret_is_neither_stored_nor_shown_nor_logged(
    endpoint: str, kinds: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    project = new_project()
    webhooks.add(project.id, "https://example.com/hook")
    for kind in kinds:
        planted, _ = ALL[kind]
        exempt = SDK_EXEMPT if kind in BY_FORM else SDK_EXEMPT | SOURCE | MODULES
        ENDPOINTS[endpoint](project, planted, partial(anything, planted), exempt)
    text = everything(project, pages=kinds == ON_PAGES) + caplog.text
    for kind in kinds:
        assert_nowhere(ALL[kind][1], text, kind)
    assert all(event["scrubbed"] for event in events(project))


@pytest.mark.parametrize("endpoint", ["sdk", "ingest", "legacy"])
def test_values_under_names_of_secrets_are_neither_stored_nor_shown(
    project: Project, endpoint: str
) -> None:
    named = dict.fromkeys(NAMES, HIDDEN)
    pairs = [[name, HIDDEN] for name in NAMES]
    objects = {**named, "deep": [{"deeper": named}], "pairs": pairs}
    of_object = partial(copy.deepcopy, objects)
    ENDPOINTS[endpoint](project, "nothing", of_object, SDK_EXEMPT | SOURCE | MODULES)
    text = everything(project)
    assert_nowhere(HIDDEN, text)
    assert "[Filtered]" in text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_secrets_by_rules_of_the_organization_are_neither_stored_nor_logged(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    project = new_project()
    webhooks.add(project.id, "https://example.com/hook")
    for rules, planted, _, exempt in OWN.values():
        scrubbing_rules.set_of_organization("default", rules)
        apply_scrubbing.clear_cache()
        ENDPOINTS[endpoint](project, planted, partial(anything, planted), exempt)
    text = everything(project, pages=False) + caplog.text
    for kind, (_, _, secret, _) in OWN.items():
        assert_nowhere(secret, text, kind)
    assert all(event["scrubbed"] for event in events(project))


@pytest.mark.parametrize("endpoint", ["sdk", "ingest", "legacy"])
def test_values_under_names_of_a_rule_are_neither_stored_nor_shown(
    project: Project, endpoint: str
) -> None:
    scrubbing_rules.set_of_project(project.id, "name: customer number\nname: Badge")
    named = dict.fromkeys(
        ("customerNumber", "old_customer_number", "X-Badge", "badge%5Bid"), HIDDEN
    )
    pairs = [[name, HIDDEN] for name in named]
    objects = {**named, "deep": [{"deeper": named}], "pairs": pairs, "badges": "plain-value"}
    of_object = partial(copy.deepcopy, objects)
    ENDPOINTS[endpoint](project, "nothing", of_object, SDK_EXEMPT | SOURCE | MODULES)
    text = everything(project)
    assert_nowhere(HIDDEN, text)
    assert "plain-value" in text


def test_secrets_are_planted_in_enough_fields() -> None:
    bodies = [make("x", lambda: anything("x")) for make in (sdk_event, ingest_body, legacy_body)]
    found = [path for body in bodies for path in places(body, "x")]
    assert len(found) >= LEAST_PLACES


def test_the_page_of_an_event_says_what_was_scrubbed(project: Project) -> None:
    event = kept(project, {"message": "m", "context": {"password": "hush"}})
    assert event["scrubbed"] == [{"field": "context.password", "rule": "name"}]
    members.add("default", OWNER, "owner")
    page = signed_in(OWNER).get(f"projects/{project.id}/events/{event['id']}")
    expected = (
        "Secrets in this event were replaced by [Filtered] before it was stored: context.password"
    )
    assert expected in words(page.html)


def test_the_settings_turn_scrubbing_off(project: Project, clock: Clock) -> None:
    planted, secret = BY_FORM["github"]
    assert kept(project, {"message": planted})["message"] == "uses [Filtered]"
    projects.change_scrubbing(project.id, None, False)
    access.clear_cache()
    event = kept(project, {"message": planted, "context": {"password": "hush"}})
    assert (event["message"], event["context"]) == (planted, {"password": "hush"})
    assert "scrubbed" not in event
    clock.advance(1)
    sdk.capture(project, message=planted)
    assert secret not in json.dumps(events(project)[0])
    clock.advance(1)
    projects.change_scrubbing(project.id, False, True)
    access.clear_cache()
    sdk.capture(project, exception=None, message=planted)
    assert events(project)[0]["message"] == planted
    assert kept(project, {"message": planted})["message"] == planted


def test_contract_apis_group_and_compare_events_before_scrubbing(project: Project) -> None:
    sent = [{"message": f"token=secret{n}"} for n in (1, 2)]
    found = [kept(project, each) for each in sent]
    assert [each["message"] for each in found] == ["token=[Filtered]"] * 2
    assert [each["fingerprint"] for each in found] == [
        v1.fingerprint({"message": each["message"], "level": "error"}) for each in sent
    ]
    assert {each["grouping"] for each in found} == {"v1"}
    own = kept(project, {"message": "m", "fingerprint": "token=secret1"})
    assert (own["fingerprint"], own["grouping"]) == ("token=secret1", "client")
    assert ingest(project, sent[0], idempotency_key="k").status == 202
    assert "Idempotency-Mismatch" not in ingest(project, sent[0], idempotency_key="k").headers
    again = ingest(project, sent[1], idempotency_key="k")
    assert again.headers["Idempotency-Mismatch"] == "true"


def test_events_of_sdks_are_grouped_without_secrets() -> None:
    project = new_project()
    for n in (1, 2):
        sdk.capture(project, exception=None, message=f"cannot log in with password=hunter{n}x")
    first, second = events(project)
    assert first["issue_id"] == second["issue_id"]


def test_headers_and_tags_that_are_texts_are_scrubbed_by_their_names(clock: Clock) -> None:
    project = new_project()
    for headers, tags in (
        (["X-Api-Key:hush", "Cookie: hush", "Accept:*/*"], ["password:hush", "a:b"]),
        ([{"key": None, "name": "token", "value": "hush"}], [["a", "b"]]),
    ):
        sdk.capture(project, exception=None, request={"headers": headers}, tags=tags)
        clock.advance(1)
        sdk.capture(project, exception=None, **{"sentry.interfaces.Http": {"headers": headers}})
    for event in events(project):
        assert "hush" not in json.dumps(event)
    kept_as_sent = events(project)[-1]
    assert kept_as_sent["tags"]["a"] == "b"
    assert kept_as_sent["context"]["request"]["headers"]["Accept"] == "*/*"


def test_a_parameter_that_the_message_names_as_a_secret_is_scrubbed() -> None:
    project = new_project()
    logged = {"message": "%s has no password=%s", "params": ["ada", "hush"]}
    sdk.capture(project, exception=None, logentry=logged)
    (event,) = events(project)
    assert event["message"] == "ada has no password=[Filtered]"
    assert event["scrubbed"] == [{"field": "logentry.params.1", "rule": "name"}]
    assert "hush" not in json.dumps(event)
