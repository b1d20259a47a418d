"""The setting of all measurements: the server, the built functions, and the reference.

A request goes the whole way: ingest gets what the authorizer returned for the key. `bench.digest`
has a setting of its own.
"""

import base64
import gzip
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench import seed, team
from bench.corpus import SDK, SIZES, encode, envelopes, load
from bench.lists import OPEN_LIST, RISING_FIRST, SEARCHES, SEARCHES_ACROSS, ManyIssues
from bench.process import Worker
from bench.server import AwsCall, RecordingServer
from bench.team import BenchTeam
from bench.traffic import authorizer_event, dsn_event, ingest_event, page_event
from bench.write_units import Item
from errata.protocol.issues import ASKED_STATUSES, RISING, SORTS

ONCE = "with an Idempotency-Key"
MONTHLY_QUOTA = 1_000_000
LIMITED = "with a quota of a million"
LIMITED_EVENTS = 1_000
PAGE = "the issue list"
FILES = "its style and scripts"
# The lists that are filtered by status only, by name.
LISTS = {
    f"{status} by {sort}": {"status": status, "sort": sort}
    for status in ASKED_STATUSES
    for sort in SORTS
}


@dataclass(frozen=True)
class Stage:
    """Warm workers. Their inputs are named after the sizes of the corpus."""

    server: RecordingServer
    authorizer: Worker
    ingest: Worker
    dashboard: Worker
    many_issues: ManyIssues
    many: Worker  # the dashboard on them
    sentry: Worker
    grouping: Worker
    scrubbing: Worker
    put_item: Worker
    lean_put_item: Worker
    public_key: str
    busy_project: str
    busy_key: str
    team: BenchTeam

    @property
    def dsn_verdict(self) -> dict[str, Any]:
        """Return the authorizer's result for the DSN's key."""
        verdict: dict[str, Any] = self.authorizer.run(SDK)[1][0]
        return verdict

    def calls(self, worker: Worker, name: str) -> list[AwsCall]:
        """Return the AWS calls of a worker for its inputs of this name."""
        self.server.taken()
        worker.run(name)
        return self.server.taken()

    def stored(self, name: str) -> list[Item]:
        """Return the items that ingest stores for its inputs of this name."""
        calls = [c for c in self.calls(self.ingest, name) if c.operation == "PutItem"]
        return [c.request["Item"] for c in calls if c.request["TableName"] == "EventsTable"]


# The names of searches across projects begin so.
ACROSS = "across projects: "


@contextmanager
def prepared() -> Iterator[Stage]:
    """Yield a stage on which everything has run once."""
    with ExitStack() as stack:
        server = stack.enter_context(RecordingServer())
        rest = seed.at_rest(MONTHLY_QUOTA)
        server.keep(rest.rows)
        many_issues = stack.enter_context(ManyIssues(rest.rows))

        def function(name: str, folder: str, on: RecordingServer = server) -> Worker:
            return stack.enter_context(Worker.of_function(name, folder, on.url))

        stage = Stage(
            server,
            authorizer=function("AuthorizerFunction", "authorizer"),
            ingest=function("IngestFunction", "ingest"),
            dashboard=function("DashboardFunction", "dashboard"),
            many_issues=many_issues,
            many=function("DashboardFunction", "dashboard", many_issues),
            sentry=function("SentryIngestFunction", "sentry_ingest"),
            grouping=stack.enter_context(Worker.of_grouping()),
            scrubbing=stack.enter_context(Worker.of_scrubbing()),
            put_item=stack.enter_context(Worker.of_put_item(server.url)),
            lean_put_item=stack.enter_context(Worker.of_lean_put_item(server.url)),
            public_key=rest.public_key,
            busy_project=rest.busy_project,
            busy_key=rest.busy_key,
            team=rest.team,
        )
        stage.authorizer.load("key", [authorizer_event(rest.key)])
        stage.authorizer.load(SDK, [dsn_event(rest.public_key)])
        assert stage.dsn_verdict["context"]["metered"] == "gateway"
        verdict = stage.authorizer.run("key")[1][0]
        assert verdict["context"]["metered"] == "gateway", verdict
        _load_ingest(stage, rest.key, verdict)
        _load_limited(stage, rest.limited_key)
        _load_dashboard(stage)
        _load_put_item(stage)
        server.taken()
        yield stage


def _load_ingest(stage: Stage, key: str, verdict: dict[str, Any]) -> None:
    for size in SIZES:
        bodies = [encode(event) for event in load(size)]
        stage.ingest.load(size, [ingest_event(body, key, verdict) for body in bodies])
        accepted(stage.ingest.run(size, 3)[1])
    once = [ingest_event(body, key, verdict, f"order-{n}") for n, body in enumerate(bodies)]
    stage.ingest.load(ONCE, once)
    accepted(stage.ingest.run(ONCE, 3)[1])


def _load_limited(stage: Stage, key: str) -> None:
    """Load the inputs but do not run them: the first event that runs must also take a lease."""
    stage.authorizer.load(LIMITED, [authorizer_event(key)])
    verdict = stage.authorizer.run(LIMITED)[1][0]
    events = load("4 KB")
    bodies = [encode(events[n % len(events)]) for n in range(LIMITED_EVENTS)]
    stage.ingest.load(LIMITED, [ingest_event(body, key, verdict) for body in bodies])


def accepted(responses: list[dict[str, Any]]) -> None:
    """Check that every request was accepted."""
    for response in responses:
        assert response["statusCode"] == 202, response


def _load_dashboard(stage: Stage) -> None:
    stage.dashboard.load(PAGE, [_list_event(stage, {})])
    page = page_text(stage.dashboard.run(PAGE, 3)[1][0])
    assert page.count('class="issue-title"') == team.ISSUES
    files = re.findall(r"static/[0-9a-f]+/[a-z.]+[.](?:css|js)", page)
    stage.dashboard.load(FILES, [page_event(file, stage.team.cookie) for file in files])
    for name, query in LISTS.items():
        stage.many.load(name, [_list_event(stage, query)])
    for name, text in SEARCHES.items():
        sort = RISING if name == RISING_FIRST else "count"
        stage.many.load(name, [_list_event(stage, {"query": text, "sort": sort})])
    for name, text in SEARCHES_ACROSS.items():
        asked = {"query": text} | ({} if name == OPEN_LIST else {"sort": "count"})
        across = page_event("orgs/default/issues", stage.team.cookie, asked)
        stage.many.load(f"{ACROSS}{name}", [across])


def first_list(stage: Stage) -> float:
    """Return the CPU seconds of the list of issues in a new execution environment."""
    with Worker.of_function("DashboardFunction", "dashboard", stage.server.url) as worker:
        worker.load(PAGE, [_list_event(stage, {})])
        return worker.run(PAGE)[0]


def _list_event(stage: Stage, query: dict[str, str]) -> dict[str, Any]:
    return page_event(f"projects/{stage.team.project_id}/issues", stage.team.cookie, query)


def page_text(response: dict[str, Any]) -> str:
    """Return the HTML of a page of the dashboard."""
    assert response["statusCode"] == 200, response
    return gzip.decompress(base64.b64decode(response["body"])).decode()


def _load_put_item(stage: Stage) -> None:
    texts = {size: [encode(event).decode() for event in load(size)] for size in SIZES}
    texts[SDK] = [body.split(b"\n")[2].decode() for body in envelopes()]
    for size, payloads in texts.items():
        items = [
            {
                "pk": {"S": "1"},
                "sk": {"S": f"019aa9f0-5c1a-7b3e-9d2f-{n:012x}"},
                "payload": {"S": payload},
            }
            for n, payload in enumerate(payloads)
        ]
        for worker in (stage.put_item, stage.lean_put_item):
            worker.load(size, items)
            worker.run(size, 3)
