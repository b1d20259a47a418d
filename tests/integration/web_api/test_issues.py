"""Lists of issues, and one issue, as the web API returns them."""

import json
import re
from typing import Any

from errata.models.buckets import DAY_MS, HOUR_MS
from errata.usecases import projects
from functions.web_api.issue_schemas import IssueDetails, IssueSchema
from tests.support import web_api
from tests.support.account import Clock, new_project
from tests.support.calls import recorded
from tests.support.shop import TIMEOUT, Shop

DISK = {"message": "disk full", "level": "warning", "environment": "staging", "fingerprint": "d"}


def ids(content: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in content]


def test_an_issue_has_the_form_of_sentry_s_api(shop: Shop) -> None:
    shop.send(TIMEOUT, TIMEOUT)
    (listed,) = shop.get("issues/")
    assert listed["id"] == str((int(shop.id) << 32) + 1)
    assert listed["shortId"] == f"{shop.slug.upper()}-1"
    assert listed["permalink"].startswith(
        f"https://errors.example.com/dashboard/projects/{shop.id}/issues/"
    )
    assert listed["project"] == {
        "id": shop.id,
        "name": projects.find(shop.id).name,
        "slug": shop.slug,
        "platform": None,
    }
    expected = {
        "title": "TimeoutError: no answer from the bank",
        "level": "error",
        "status": "unresolved",
        "statusDetails": {},
        "substatus": "new",
        "count": "2",
        "userCount": 1,
        "assignedTo": None,
        "metadata": {
            "title": "TimeoutError: no answer from the bank",
            "type": "TimeoutError",
            "value": "no answer from the bank",
        },
    }
    assert {name: listed[name] for name in expected} == expected
    assert sum(number for _, number in listed["stats"]["24h"]) == 2
    assert len(listed["stats"]["24h"]) == 24
    IssueSchema.model_validate_json(json.dumps(listed))
    details = shop.get(f"/api/0/issues/{listed['id']}/")
    IssueDetails.model_validate_json(json.dumps(details))
    assert {name: details[name] for name in listed if name != "stats"} == {
        name: listed[name] for name in listed if name != "stats"
    }
    assert details["firstRelease"] == {"version": "shop@1.0"}
    assert details["environments"] == {"production": 2}
    assert len(details["stats"]["30d"]) == 30


def test_an_issue_is_found_by_each_of_its_ids(shop: Shop) -> None:
    shop.send(TIMEOUT)
    (listed,) = shop.get("issues/")
    own_id = listed["permalink"].rpartition("/")[2]
    below = "/api/0/organizations/default"
    for name in (listed["id"], listed["shortId"], listed["shortId"].lower(), own_id):
        assert shop.get(f"{below}/issues/{name}/")["id"] == listed["id"]
        assert shop.get(f"/api/0/issues/{name}")["id"] == listed["id"]
    found = shop.get(f"{below}/shortids/{listed['shortId']}/")
    assert (found["groupId"], found["group"]["id"]) == (listed["id"], listed["id"])
    assert (found["organizationSlug"], found["projectSlug"]) == ("default", shop.slug)
    for name in ("1", str(int(listed["id"]) + 1), "9" * 28, "9" * 40, "SHOP-99", "0" * 32, "a b"):
        assert shop.call("GET", f"/api/0/issues/{name}/").status == 404
    assert shop.call("GET", f"/api/0/organizations/1/issues/{listed['id']}/").status == 404


QUERIES = [
    ("", [2]),  # without a query: unresolved ones
    ("?query=", [2, 1]),
    ("?query=is:resolved", [1]),
    ("?query=is:unresolved+level:warning", [2]),
    ("?query=lastSeen:-24h+!is:muted", [2, 1]),
    ("?query=firstSeen:%2B24h", []),
    ("?query=has:user", [1]),
    ("?query=user:%22id:7%22", [1]),
    ("?query=bank:ubs", [1]),
    ("?query=&environment=production", [1]),
    ("?query=&sort=new", [2, 1]),
    ("?query=&sort=freq", [1, 2]),
    ("?query=event.type:error+disk", [2]),
]


def test_a_query_understands_sentry_s_terms(shop: Shop) -> None:
    shop.send(TIMEOUT, TIMEOUT, DISK)
    (first,) = shop.get("issues/?query=bank")
    shop.put(f"/api/0/issues/{first['id']}/", {"status": "resolved"})
    first_id = int(shop.id) << 32
    for query, found in QUERIES:
        of_project = shop.get(f"issues/{query}")
        assert ids(of_project) == [str(first_id + number) for number in found], query
        of_all = shop.get(f"/api/0/organizations/default/issues/{query}")
        assert ids(of_all) == ids(of_project), query


REFUSED = [
    ("query=is:odd", "is:odd is unknown"),
    ("query=level:[error,warning]", "a list of values is not supported"),
    ("query=issue.category:performance", "Errata has errors only"),
    ("sort=odd", "The sort must be one of date"),
    ("per_page=0", "per_page must be"),
    ("cursor=odd!", "cursor is not valid"),
    ("cursor=b2Rk", "The cursor is invalid"),
    (f"query={'a' * 1001}", "1,000 characters"),
]


def test_a_bad_parameter_is_named(shop: Shop) -> None:
    for query, says in REFUSED:
        refused = shop.call("GET", f"issues/?{query}")
        assert (refused.status, says in refused.json["detail"]) == (400, True), refused.text
        assert shop.call("GET", f"/api/0/organizations/default/issues/?{query}").status == 400


def test_pages_are_linked_by_the_link_header(shop: Shop) -> None:
    shop.send(*({"message": "m", "fingerprint": str(n)} for n in range(5)))
    for path in ("issues/", "/api/0/organizations/default/issues/"):
        seen, to = [], f"{path}?query=&sort=new&per_page=2"
        for _ in range(5):
            page = shop.call("GET", to)
            seen += ids(page.json)
            following = re.search(r'<([^>]+)>; rel="next"; results="true"', page.headers["Link"])
            if not following:
                break
            assert "sort=new" in following[1]
            to = "/api" + following[1].partition("/api")[2]
        first = int(shop.id) << 32
        assert seen == [str(first + number) for number in (5, 4, 3, 2, 1)]


def test_issues_of_an_organization_can_be_limited_to_projects(shop: Shop) -> None:
    shop.send(TIMEOUT)
    other = Shop(new_project(metered=True), shop.token)
    other.send(DISK)
    below = "/api/0/organizations/default/issues/"
    (mine,), (its,) = shop.get("issues/"), other.get("issues/")
    assert set(ids(shop.get(below))) == {mine["id"], its["id"]}
    for query in (
        f"project={other.id}",
        f"project={other.slug}",
        f"query=project:{other.slug}",
        f"project=-1&query=project:{other.slug}+is:unresolved",
    ):
        assert ids(shop.get(f"{below}?{query}")) == [its["id"]], query
    both = f"{below}?project={other.id}&project={shop.id}"
    assert set(ids(shop.get(both))) == {mine["id"], its["id"]}
    assert shop.call("GET", f"{below}?project=nothing").status == 404
    # Both must name a project.
    for query in (
        f"{below}?project={shop.id}&query=project:{other.slug}",
        f"issues/?query=project:{other.slug}",
    ):
        assert shop.get(query) == []
    same = f"{below}?project={other.id}&query=project:{other.slug}"
    assert ids(shop.get(same)) == ids(other.get(f"issues/?query=project:{other.id}")) == [its["id"]]
    refused = shop.call("GET", f"{below}?query=!project:{other.slug}")
    assert (refused.status, "Name the projects that you mean" in refused.text) == (400, True)


def test_a_member_sees_the_issues_of_their_teams(shop: Shop) -> None:
    shop.send(TIMEOUT)
    (issue,) = shop.get("issues/")
    eve = web_api.token("read", member=web_api.member("eve@example.com"))
    for path in (
        f"{shop.path}/issues/",
        f"/api/0/issues/{issue['id']}/",
        f"/api/0/organizations/default/shortids/{issue['shortId']}/",
    ):
        assert shop.call("GET", path, token=eve).status == 404
    assert shop.get("/api/0/organizations/default/issues/", token=eve) == []


def test_a_short_id_or_an_event_id_alone_finds_its_issue(shop: Shop) -> None:
    (event_id,) = shop.send(TIMEOUT)
    shop.send(DISK)
    (issue,) = shop.get("issues/?query=bank")
    shop.put(f"/api/0/issues/{issue['id']}/", {"status": "resolved"})
    for path in ("issues/", "/api/0/organizations/default/issues/"):
        for name in (issue["shortId"], event_id):
            found = shop.get(f"{path}?shortIdLookup=1&query={name}")
            assert ids(found) == [issue["id"]]


def test_stats_follow_the_period_and_the_status_follows_the_clock(shop: Shop, clock: Clock) -> None:
    shop.send(TIMEOUT)
    (issue,) = shop.get("issues/?statsPeriod=14d")
    assert [len(each) for each in issue["stats"].values()] == [14]
    assert shop.get("issues/?statsPeriod=")[0]["stats"] == {}
    path = f"/api/0/issues/{issue['id']}/"
    details = {"ignoreDuration": 60}
    ignored = shop.put(path, {"status": "ignored", "statusDetails": details})
    assert (ignored["status"], ignored["substatus"]) == ("ignored", "archived_until_condition_met")
    assert set(ignored["statusDetails"]) == {"ignoreUntil"}
    clock.advance(HOUR_MS // 1000 + 1)
    assert shop.get(path)["status"] == "unresolved"
    clock.advance(DAY_MS // 1000)
    assert shop.get(path)["substatus"] == "ongoing"


def test_a_list_and_an_issue_take_at_most_eight_calls(shop: Shop) -> None:
    shop.send(TIMEOUT, DISK)
    (issue, _) = shop.get("issues/?query=")
    with recorded() as calls:
        shop.get("issues/")
    # The token, the slug, the project, the watermark, two of the list.
    assert len(calls) <= 8, [each.operation for each in calls]
    with recorded() as calls:
        shop.get(f"/api/0/issues/{issue['id']}/")
    assert len(calls) <= 8, [each.operation for each in calls]
