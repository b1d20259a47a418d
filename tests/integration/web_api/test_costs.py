"""docs/access-patterns.md says how many calls a request of the web API makes."""

import re
from typing import Any

from errata.models.ids import now_ms
from errata.models.monitor import Monitor
from errata.store.monitors import add_monitor
from errata.usecases import attachments, projects
from errata.usecases.projects import operator_access
from tests.support.bundles import make_bucket
from tests.support.calls import recorded
from tests.support.shop import TIMEOUT, Shop
from tests.support.template import ROOT

SDK_ID = "e" * 32
_ROW = re.compile(r"^\| `([A-Z]+) ([^`]+)` \| (\d+) \|", re.MULTILINE)
_BODIES: dict[str, dict[str, Any]] = {
    "issues/{issue}/": {"status": "resolved"},
    "projects/{org}/{project}/issues/?id={issue}": {"status": "ignored"},
    "issues/{issue}/comments/": {"text": "I look into it."},
    "organizations/{org}/releases/": {"version": "10"},
    "organizations/{org}/releases/{version}/": {"dateReleased": "2026-11-30T09:00:00Z"},
    "organizations/{org}/releases/{version}/deploys/": {"environment": "production"},
    "organizations/{org}/artifactbundle/assemble/": {"checksum": "0" * 40, "chunks": ["0" * 40]},
}

_FOR_PROJECTS = ("organizations/{org}/releases/", "organizations/{org}/artifactbundle/assemble/")


def test_no_request_makes_more_calls_than_the_document_says(shop: Shop) -> None:
    """Each request is the first of its process, so it also reads the token."""
    make_bucket()
    add_monitor(Monitor(shop.id, "nightly", "production", now_ms()))
    (event,) = shop.send(TIMEOUT | {"event_id": SDK_ID, "attachments": [{"filename": "a.txt"}]})
    attachments.keep([b"a"], SDK_ID, operator_access(projects.find(shop.id)), now_ms())
    (issue,) = shop.get("issues/")
    shop.call("POST", "releases/", {"version": "9"})
    names = {
        "org": "default",
        "project": shop.slug,
        "issue": issue["id"],
        "short_id": issue["shortId"],
        "event": event,
        "version": "9",
        "monitor": "nightly",
    }
    rows = _ROW.findall((ROOT / "docs" / "access-patterns.md").read_text())
    assert len(rows) > 20
    # Deletions come last.
    for method, path, most in sorted(rows, key=lambda row: row[0] == "DELETE"):
        body = _BODIES.get(path) if method in ("PUT", "POST") else None
        if path in _FOR_PROJECTS and body:
            body = {**body, "projects": [shop.slug]}
        with recorded() as calls:
            response = shop.call(method, "/api/0/" + path.format(**names), body)
        assert response.status < 300, (method, path, response.text)
        made = [each.operation for each in calls]
        assert len(made) <= int(most), (method, path, made)
        assert len(made) >= int(most) - 6, (method, path, len(made))
