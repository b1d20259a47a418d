"""Events, tags, comments and numbers, as the web API returns them."""

import json
import re
from typing import Any

from errata.models.buckets import HOUR_MS
from functions.web_api.event_schemas import EventDetails, EventSchema
from tests.support import bundles, sdk, sdk_events, stream, web_api
from tests.support.account import Clock, Project, new_project
from tests.support.calls import recorded
from tests.support.shop import OWNER, TIMEOUT, Shop

SDK_ID = sdk_events.PYTHON["event_id"]
TRACE = {
    "message": "bad input",
    "exception_class": "ValueError",
    "level": "error",
    "stack_trace": 'Traceback (most recent call last):\n  File "/app/a.py", line 3, in f\n    g()\n'
    '  File "/app/b.py", line 7, in g\n    raise ValueError("bad input")\nValueError: bad input\n',
}


def entry(event: dict[str, Any], kind: str) -> Any:
    (found,) = (each["data"] for each in event["entries"] if each["type"] == kind)
    return found


def only_issue(shop: Shop) -> str:
    (issue,) = shop.get("issues/?query=")
    found: str = issue["id"]
    return found


def test_an_sdk_s_event_has_the_form_of_sentry_s_api(shop: Shop) -> None:
    (own_id,) = sdk_events.put(shop.project, sdk_events.PYTHON)
    issue = only_issue(shop)
    event = shop.get(f"/api/0/issues/{issue}/events/latest/")
    EventDetails.model_validate_json(json.dumps(event))
    expected = {
        "eventID": SDK_ID,
        "id": own_id.replace("-", ""),
        "groupID": issue,
        "projectID": shop.id,
        "type": "error",
        "platform": "python",
        "title": "VoucherError: no voucher applies",
        "culprit": "shop.cart in apply",
        "dist": "77",
        "release": {"version": "shop@2026.11.22"},
        "nextEventID": None,
        "previousEventID": None,
        "packages": {"flask": "3.1.0"},
        "context": {"cart_age_seconds": 1812},
    }
    assert {name: event[name] for name in expected} == expected
    assert {"key": "payment.provider", "value": "twint"} in event["tags"]
    assert {"key": "environment", "value": "production"} in event["tags"]
    assert event["user"]["id"] == "80002"
    *_, main = entry(event, "exception")["values"]
    assert (main["type"], main["mechanism"]["handled"]) == ("VoucherError", False)
    frame = main["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["lineNo"], frame["inApp"]) == ("apply", 28, True)
    assert frame["context"][3] == [
        28,
        '        raise VoucherError("no voucher applies") from error',
    ]
    assert entry(event, "request")["headers"] == [["Host", "a.b"]]
    (crumb,) = entry(event, "breadcrumbs")["values"]
    assert crumb["timestamp"] == "2026-11-22T08:09:00.500Z"
    assert [each["name"] for each in entry(event, "threads")["values"]] == [
        *("MainThread", "worker-2"),
    ]
    assert event["errors"] == [
        {
            "type": "invalid_data",
            "message": "Discarded invalid value: must be a string",
            "data": {"name": "user.id", "reason": "must be a string"},
        }
    ]


def test_a_stack_trace_that_is_text_is_parsed(shop: Shop) -> None:
    shop.send(TRACE)
    event = shop.get(f"/api/0/issues/{only_issue(shop)}/events/oldest/")
    (found,) = entry(event, "exception")["values"]
    assert (found["type"], found["value"]) == ("ValueError", "bad input")
    assert [(e["filename"], e["lineNo"]) for e in found["stacktrace"]["frames"]] == [
        *(("/app/a.py", 3), ("/app/b.py", 7)),
    ]


def test_an_event_is_found_by_both_of_its_ids(shop: Shop) -> None:
    (own_id,) = sdk_events.put(shop.project, sdk_events.PYTHON)
    below = f"/api/0/issues/{only_issue(shop)}/events"
    hyphened = f"{SDK_ID[:8]}-{SDK_ID[8:12]}-{SDK_ID[12:16]}-{SDK_ID[16:20]}-{SDK_ID[20:]}"
    for name in (own_id, own_id.replace("-", ""), SDK_ID, hyphened):
        assert shop.get(f"{below}/{name}/")["eventID"] == SDK_ID
        assert shop.get(f"events/{name}/")["eventID"] == SDK_ID
        found = shop.get(f"/api/0/organizations/default/eventids/{name}/")
        assert (found["projectSlug"], found["event"]["eventID"]) == (shop.slug, SDK_ID)
    other = Shop(new_project(metered=True), shop.token)
    other.send(TIMEOUT)
    for to in (
        f"{other.path}/events/{own_id}/",
        f"{below}/{'0' * 32}/",
        f"/api/0/issues/{only_issue(other)}/events/{own_id}/",
        f"/api/0/organizations/default/eventids/{'0' * 32}/",
    ):
        assert shop.call("GET", to).status == 404


def test_events_are_listed_newest_first_and_in_pages(shop: Shop) -> None:
    ids = shop.send(*({**TIMEOUT, "tags": {"n": str(n)}} for n in range(4)))
    names = [each.replace("-", "") for each in reversed(ids)]
    issue = only_issue(shop)
    for path in ("events/", f"/api/0/issues/{issue}/events/"):
        seen, to = [], f"{path}?per_page=2"
        for _ in range(4):
            page = shop.call("GET", to)
            for each in page.json:
                EventSchema.model_validate_json(json.dumps(each))
                assert each["groupID"] == issue
            seen += [each["id"] for each in page.json]
            following = re.search(
                r'<[^>]*(/api[^>]+)>; rel="next"; results="true"', page.headers["Link"]
            )
            if not following:
                break
            to = following[1]
        assert seen == names, path
        (found,) = shop.get(f"{path}?query=tags[n]:3")
        assert found["id"] == names[0]
        assert len(shop.get(f"{path}?full=1")[0]["entries"]) == 1
    middle = shop.get(f"events/{names[2]}/")
    assert (middle["nextEventID"], middle["previousEventID"]) == (names[1], names[3])
    assert shop.call("GET", "events/?query=first-seen:-1h").status == 400


def test_events_can_be_limited_to_a_period(shop: Shop, clock: Clock) -> None:
    shop.send(TIMEOUT)
    clock.advance(2 * HOUR_MS // 1000)
    shop.send(TIMEOUT)
    assert len(shop.get("events/")) == 2
    assert len(shop.get("events/?statsPeriod=1h")) == 1
    assert shop.call("GET", "events/?statsPeriod=odd").status == 400


def test_a_page_of_large_events_has_fewer_events(shop: Shop) -> None:
    # A body has at most 1 MB, and a function's response 6 MB, as a text in JSON.
    large = {**TIMEOUT, "message": '"' * 500_000}
    ids = shop.send(large, large)
    assert len(shop.get("events/")) == 2
    first = shop.call("GET", "events/?full=1")
    assert len(json.dumps(first.text)) < 5_000_000
    assert [each["id"] for each in first.json] == [ids[-1].replace("-", "")]
    assert 'rel="next"; results="true"' in first.headers["Link"]


def test_the_values_of_tags_are_counted(shop: Shop) -> None:
    shop.send(TIMEOUT, TIMEOUT, {**TIMEOUT, "tags": {"bank": "zkb", "environment": "own"}})
    below = f"/api/0/issues/{only_issue(shop)}/tags"
    keys = {each["key"]: each for each in shop.get(f"{below}/")}
    assert {"bank", "environment", "release", "user", "level"} <= keys.keys()
    assert (keys["bank"]["totalValues"], keys["bank"]["uniqueValues"]) == (3, 2)
    assert [(each["value"], each["count"]) for each in keys["bank"]["topValues"]] == [
        *(("ubs", 2), ("zkb", 1)),
    ]
    # A tag comes before a field of the same name.
    assert [each["value"] for each in keys["environment"]["topValues"]] == ["own"]
    assert shop.get(f"{below}/bank/") == keys["bank"]
    page = shop.call("GET", f"{below}/bank/values/?per_page=1")
    assert [each["value"] for each in page.json] == ["ubs"]
    assert 'rel="next"; results="true"' in page.headers["Link"]
    assert shop.call("GET", f"{below}/nothing/").status == 404


def test_a_comment_is_added_once_edited_and_deleted(shop: Shop) -> None:
    shop.send(TIMEOUT)
    below = f"/api/0/organizations/default/issues/{only_issue(shop)}"
    key = {"idempotency-key": "once"}
    made = [
        shop.call("POST", f"{below}/comments/", {"text": "I look into it."}, headers=key)
        for _ in range(2)
    ]
    assert [each.status for each in made] == [201, 201]
    comment = made[0].json
    assert (comment["type"], comment["data"]) == ("note", {"text": "I look into it."})
    assert comment["user"]["email"] == OWNER
    (listed,) = shop.get(f"{below}/notes/")
    assert listed == comment
    edited = shop.put(f"{below}/comments/{comment['id']}/", {"text": "Fixed."})
    assert (edited["data"]["text"], edited["edited"]) == ("Fixed.", True)
    other = web_api.token("write")
    assert (
        shop.call("PUT", f"{below}/comments/{comment['id']}/", {"text": "x"}, token=other).status
        == 403
    )
    assert shop.call("POST", f"{below}/comments/", {"text": " "}).status == 400
    assert shop.call("POST", f"{below}/comments/", {}).status == 400
    assert shop.call("DELETE", f"{below}/comments/{comment['id']}/").status == 204
    assert shop.call("DELETE", f"{below}/comments/{comment['id']}/").status == 404
    assert shop.call("PUT", f"{below}/comments/x/", {"text": "x"}).status == 404
    assert shop.get(f"{below}/comments/") == []
    by_build = shop.call("POST", f"{below}/comments/", {"text": "Deployed."}, token=other).json
    assert (by_build["user"], by_build["data"]["by"]) == (None, "token write token")


def test_stats_count_events_by_hour_and_day(shop: Shop, clock: Clock) -> None:
    shop.send(TIMEOUT, TIMEOUT)
    hour, day = clock.ms // HOUR_MS * 3600, clock.ms // (24 * HOUR_MS) * 86_400
    assert shop.get("stats/")[-1] == [hour, 2]
    assert len(shop.get("stats/")) == 25
    assert shop.get(f"stats/?resolution=1d&since={day}") == [[day, 2]]
    assert shop.get(f"stats/?stat=rejected&resolution=1d&since={day}") == [[day, 0]]
    for query in ("stat=odd", "resolution=1m", "since=x", "since=1", "stat=rejected"):
        assert shop.call("GET", f"stats/?{query}").status == 400, query


def test_an_event_takes_at_most_twelve_calls_and_a_list_seven(busy: Project, shop: Shop) -> None:
    sdk_events.put(shop.project, sdk_events.PYTHON)
    issue = only_issue(shop)
    with recorded() as calls:
        shop.get(f"/api/0/issues/{issue}/events/latest/")
    assert len(calls) <= 12, [each.operation for each in calls]
    with recorded() as calls:
        shop.get("events/")
    assert len(calls) <= 7, [each.operation for each in calls]


def test_frames_are_original_even_if_the_source_map_was_uploaded_later(shop: Shop) -> None:
    bundles.make_bucket()
    assert sdk.post(shop.project, sdk.of_event(bundles.error())).status == 200
    assert stream.deliver(stream.records()) == []
    bundles.uploaded(shop.id)
    issue = only_issue(shop)
    event = shop.get(f"/api/0/issues/{issue}/events/latest/")
    (value,) = entry(event, "exception")["values"]
    frame = value["stacktrace"]["frames"][-1]
    assert (frame["filename"], frame["lineNo"], frame["function"]) == ("src/cart.ts", 3, "Cart.add")
    assert [3, '    throw new Error("no stock");'] in frame["context"]
