"""Unmodified SDKs of Sentry, given a DSN and nothing else, on the deployed stack."""

import os
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from dev.stack import LocalStack
from errata.models.project import live_dsns
from errata.usecases import members, organizations, projects
from tests.support import reported
from tests.support.browser import signed_in, words
from tests.support.capture import capture, split
from tests.support.deployed import eventually, pass_month_end
from tests.support.programs import PATIENCE_S, SDKS, browse, run
from tests.support.reported import Event
from tests.support.template import ROOT

type Expect = Callable[[list[Event]], None]


@dataclass(frozen=True)
class Reporting:
    """A project that SDKs report to, and its events as the read API has them."""

    id: str
    key: str
    dsn: str
    api_url: str

    def events(self) -> list[Event]:
        """The newest first."""
        url = f"{self.api_url}/api/projects/{self.id}/events"
        found = requests.get(url, headers={"X-Api-Key": self.key}, timeout=60).json()["data"]
        assert isinstance(found, list)
        return found


def reporting(stack: LocalStack, organization: str = "default") -> Reporting:
    """A new project."""
    created = projects.create("shop", organization=organization)
    assert created
    project, key = created[0], created[1]
    (dsn,) = live_dsns(stack.sdk_url, projects.list_keys(project.id)).values()
    return Reporting(project.id, key, dsn, stack.api_url)


@pytest.fixture
def shop(stack: LocalStack) -> Reporting:
    return reporting(stack)


@pytest.fixture
def page(stack: LocalStack) -> Callable[[Reporting, Event], str]:
    """The words of an event's page in the deployed dashboard, for somebody who is signed in."""
    email = f"{secrets.token_hex(4)}@example.com"
    members.add("default", email, "owner")
    ((name, value),) = signed_in(email).cookies.items()

    def read(shop: Reporting, event: Event) -> str:
        url = f"{stack.dashboard_url}/projects/{shop.id}/events/{event['id']}"
        response = requests.get(url, headers={"Cookie": f"{name}={value}"}, timeout=60)
        assert response.status_code == 200, response.text
        assert len(response.content) <= 60_000
        return words(response.text)

    return read


@pytest.mark.parametrize(
    ("program", "arguments", "number", "expect"),
    [
        ("python/script.py", (), 5, reported.of_a_python_job),
        ("python/script.py", ("raw",), 5, reported.of_a_python_job),
        ("python/flask_app.py", (), 2, reported.of_flask),
        ("python/fastapi_app.py", (), 2, reported.of_fastapi),
        ("node/script.mjs", (), 3, reported.of_a_node_job),
        ("node/express.mjs", (), 2, reported.of_express),
        ("ruby/app/shop.rb", (), 2, reported.of_rack),
    ],
)
def test_errors_of_a_program_are_read_and_shown_with_all_fields(
    shop: Reporting,
    page: Callable[[Reporting, Event], str],
    program: str,
    arguments: tuple[str, ...],
    number: int,
    expect: Expect,
) -> None:
    run(program, shop.dsn, *arguments)
    # No session, transaction or report of the SDK has become an event.
    events = eventually(shop.events, lambda found: len(found) == number)
    expect(events)
    for event in events:
        reported.on_its_page(page(shop, event), event)


@pytest.mark.parametrize(
    ("program", "function", "code"),
    [
        ("python/raven_job.py", "price_of", 'raise NoPriceError(f"no price'),
        ("node/raven_job.mjs", "priceOf", "return prices[sku].cents"),
        ("ruby/app/raven_job.rb", "price_of", "raise NoPriceError,"),
        ("browser/raven.html", "share", "return `${payer.name}"),
    ],
)
def test_errors_of_an_sdk_without_envelopes_are_read_and_shown(
    shop: Reporting,
    page: Callable[[Reporting, Event], str],
    program: str,
    function: str,
    code: str,
) -> None:
    if program.endswith(".html"):
        browse(shop.dsn, program)
    else:
        run(program, shop.dsn)
    events = eventually(shop.events, lambda found: len(found) == 2)
    events.sort(key=lambda event: event["exception_class"] is None)
    reported.of_an_old_sdk(events, program, function, code)
    for event in events:
        assert event["message"] in page(shop, event)


@pytest.mark.parametrize(
    ("command", "file", "exception_class"),
    [
        (sys.executable, "sentry_app.py", "ValueError"),
        ("node", "sentry-app.mjs", "TypeError"),
    ],
)
def test_a_program_of_the_set_up_page_reports_its_error(
    shop: Reporting, tmp_path: Path, command: str, file: str, exception_class: str
) -> None:
    shutil.copy(ROOT / "functions" / "dashboard" / "snippets" / file, tmp_path)
    (tmp_path / "node_modules").symlink_to(SDKS / "node_modules")
    subprocess.run(
        [command, file],
        cwd=tmp_path,
        env={**os.environ, "SENTRY_DSN": shop.dsn},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    (event,) = eventually(shop.events, bool)
    assert (event["exception_class"], event["release"]) == (exception_class, "1.0.0")
    assert reported.handled(event) is False


def test_errors_of_a_page_on_another_origin_are_read_and_shown(
    shop: Reporting, page: Callable[[Reporting, Event], str]
) -> None:
    origin = browse(shop.dsn)
    assert origin not in shop.dsn
    events = eventually(shop.events, lambda found: len(found) == 2)
    reported.of_a_page(events)
    for event in events:
        reported.on_its_page(page(shop, event), event)


@pytest.mark.parametrize("program", ["python/tracing.py", "node/tracing.mjs"])
def test_an_sdk_stops_sending_items_that_are_not_stored(
    stack: LocalStack, shop: Reporting, program: str
) -> None:
    with capture(upstream=stack.sdk_url) as between:
        run(program, between.dsn(urlsplit(shop.dsn).username or "", shop.id), "50")
    kinds = Counter(
        header["type"] for sent in between.posts() for header, _ in split(sent.envelope)[1]
    )
    # The response to the first transaction says that they are not stored. The SDK then reports
    # once how many it has dropped.
    assert kinds["event"] == len(shop.events()) == 1
    assert 1 <= kinds["transaction"] + kinds["span"] <= 2
    assert len(between.posts()) <= 6


@pytest.mark.parametrize("program", ["python/backing_off.py", "node/backing_off.mjs"])
def test_a_reached_quota_makes_an_sdk_back_off(stack: LocalStack, program: str) -> None:
    organization = organizations.create("small")
    organizations.change(organization.id, monthly_quota=5)
    shop = reporting(stack, organization.id)
    pass_month_end()
    with capture(upstream=stack.sdk_url) as between:
        public = urlsplit(shop.dsn).username
        printed = run(program, between.dsn(public or "", shop.id), "60")
    assert int(printed) == 60
    statuses = [
        sent.status
        for sent in between.posts()
        if any(header["type"] == "event" for header, _ in split(sent.envelope)[1])
    ]
    assert Counter(statuses)[200] == 5
    assert set(statuses) == {200, 429}
    # It sent only one of the 55 events over the quota.
    assert Counter(statuses)[429] == 1
    # The SDK's report of what it has dropped is accepted. Node's SDK reports sessions separately.
    reports = [each.status for each in between.posts() if b'"client_report"' in each.envelope]
    assert reports in ([200], [200, 200])
    assert len(shop.events()) == 5
