"""Builds upload their source maps with unmodified tools, and errors of the builds are readable.

A small shop in TypeScript is minified and split, with one chunk that is loaded when it is needed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from dev.stack import LocalStack
from errata.models.project import live_dsns
from errata.store import artifacts
from errata.usecases import projects, tokens
from tests.support.builds import BUILDS, SENTRY_CLI, Uploader, build, check_out, new_app, work
from tests.support.deployed import eventually

type Event = dict[str, Any]


class Shop:
    """A project, with what uploads its source maps and what reads its events."""

    def __init__(self, stack: LocalStack) -> None:
        created = projects.create("shop")
        assert created
        self.id = created.project.id
        self._key, self._api_url = created.key, stack.api_url
        (self.dsn,) = live_dsns(stack.sdk_url, projects.list_keys(self.id)).values()
        urls = tokens.Urls(stack.web_url, stack.api_url)
        _, token = tokens.create("default", "ci", "builds", urls, "ada@example.com")
        self.uploader = Uploader(stack.web_url, token, projects.find(self.id).slug)

    def wait_for_uploads(self, bundles: int) -> None:
        """Wait until these uploads are compiled."""

        def states() -> list[str]:
            return [f"{each.state} {each.detail}" for each in artifacts.list_bundles(self.id)]

        eventually(states, lambda found: found == ["ok "] * bundles)

    def event_of(self, fail: Callable[[], object]) -> Event:
        """Let the shop fail until its event is symbolicated before it is grouped. Return the event.

        The first events of a process may take longer than symbolication has.
        """
        return eventually(
            lambda: self._next_event(fail), lambda event: "src/cart.ts" in event["grouped_by"]
        )

    def _next_event(self, fail: Callable[[], object]) -> Event:
        before = len(self._events())
        fail()
        return eventually(self._events, lambda found: len(found) > before)[0]

    def _events(self) -> list[Event]:
        url = f"{self._api_url}/api/projects/{self.id}/events?limit=50"
        headers = {"X-Api-Key": self._key}
        found: list[Event] = requests.get(url, headers=headers, timeout=60).json()["data"]
        return found


@pytest.fixture
def shop(stack: LocalStack) -> Shop:
    return Shop(stack)


@pytest.fixture
def app(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that makes a new version of the app."""

    def make(notice: str) -> Path:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return new_app(folder, notice)

    return make


def find_code(program: str, code: str) -> tuple[int, int, str]:
    """Return the line and column of some code in the app, and the line's text."""
    lines = (BUILDS / "app" / "src" / program).read_text().splitlines()
    ((number, text),) = ((n, line) for n, line in enumerate(lines, 1) if code in line)
    return number, text.index(code) + 1, text


# Function, file, and the code at which the frame is.
CALLS = (
    ("pay", "{program}", "checkout(new Cart()"),
    ("checkout", "checkout.ts", "add(stock"),
    ("Cart.add", "cart.ts", "new SoldOutError"),
)


def assert_readable(event: Event, program: str) -> None:
    """Check that the frames of an event are those of the original files."""
    assert event["exception_class"] == "SoldOutError"
    frames = event["exceptions"][-1]["frames"][-len(CALLS) :]
    for frame, (function, file, code) in zip(frames, CALLS, strict=True):
        file = file.format(program=program)
        line, column, text = find_code(file, code)
        found = (frame["filename"], frame["function"], frame["context_line"])
        assert found == (f"src/{file}", function, text), frame
        assert (frame["lineno"], frame["colno"]) == (line, column)
        assert frame["pre_context"][-1] == lines_before(file, line)
        assert frame["sent"]["filename"].endswith(("js", "mjs"))
    assert event["grouped_by"].startswith(
        f"SoldOutError in add (src/cart.ts), checkout (src/checkout.ts), pay (src/{program})"
    )


def lines_before(file: str, line: int) -> str:
    return (BUILDS / "app" / "src" / file).read_text().splitlines()[line - 2]


@pytest.mark.parametrize("version", SENTRY_CLI)
def test_sentry_cli_injects_debug_ids_and_uploads(
    shop: Shop, app: Callable[[str], Path], browser: Browser, version: str
) -> None:
    dist = build(app("Lamps are cheap today."))
    cli = shop.uploader.cli
    assert cli(version, "sourcemaps", "inject", dist).returncode == 0
    ran = cli(version, "sourcemaps", "upload", "--wait", dist)
    assert ran.returncode == 0, ran.stderr
    assert "File processing complete" in ran.stdout + ran.stderr
    shop.wait_for_uploads(1)
    assert_readable(shop.event_of(lambda: check_out(browser, dist, shop.dsn)), "page.ts")
    assert_readable(shop.event_of(lambda: work(dist, shop.dsn)), "job.ts")


@pytest.mark.parametrize("version", SENTRY_CLI)
def test_sentry_cli_uploads_a_release_whose_files_have_no_debug_ids(
    shop: Shop, app: Callable[[str], Path], browser: Browser, version: str
) -> None:
    dist = build(app("Lamps are cheap today.")) / "page"
    options = ("--release", "shop@1.0", "--dist", "7", "--url-prefix", "~/")
    ran = shop.uploader.cli(version, "sourcemaps", "upload", *options, dist)
    assert ran.returncode == 0, ran.stderr
    assert "processing pending on server" in ran.stdout + ran.stderr
    shop.wait_for_uploads(1)
    of = {"release": "shop@1.0", "dist": "7"}
    event = shop.event_of(lambda: check_out(browser, dist, shop.dsn, **of))
    assert_readable(event, "page.ts")
    assert "debug_id" not in json.dumps(event)


@pytest.mark.parametrize(
    ("bundler", "releases"),
    [
        ("webpack", ("",)),
        ("vite", ("shop@1.0", "shop@1.1")),
        ("rollup", ("shop@1.0", "shop@1.1")),
    ],
)
def test_the_plugin_of_a_bundler_uploads_each_build_and_they_share_an_issue(
    shop: Shop,
    app: Callable[[str], Path],
    browser: Browser,
    bundler: str,
    releases: tuple[str, ...],
) -> None:
    issues = set()
    for number, release in enumerate(releases, 1):
        built = app(f"Build {number}, with another text.")
        shop.uploader.bundle(bundler, built, release)
        shop.wait_for_uploads(number)
        dist = built / "dist"
        event = shop.event_of(lambda dist=dist: check_out(browser, dist, shop.dsn))  # type: ignore[misc]
        assert_readable(event, "page.ts")
        assert event["release"] == (release or None)
        issues.add(event["issue_id"])
    assert len(issues) == 1
    found = artifacts.list_artifacts(shop.id)
    assert {each.release for each in found} == set(releases)
    assert all(each.debug_id for each in found)


@pytest.mark.parametrize("version", SENTRY_CLI)
def test_sentry_cli_uploads_a_large_map_in_chunks_and_shows_errors(
    shop: Shop, tmp_path: Path, version: str
) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "app.js").write_text("x();\n//# sourceMappingURL=app.js.map\n")
    text = Random(version).randbytes(5_000_000).hex()
    source_map = {"version": 3, "sources": ["app.ts"], "sourcesContent": [text], "names": []}
    (dist / "app.js.map").write_text(json.dumps({**source_map, "mappings": "AAAA"}))
    options = ("--release", "shop@1.0", "--no-rewrite", "--wait")
    ran = shop.uploader.cli(version, "sourcemaps", "upload", *options, dist)
    assert ran.returncode == 0, ran.stderr
    (bundle,) = artifacts.list_bundles(shop.id)
    assert (bundle.state, len(bundle.chunks)) == ("ok", 2)

    (dist / "app.js.map").write_text(json.dumps({**source_map, "mappings": "AA"}))
    ran = shop.uploader.cli(version, "sourcemaps", "upload", *options, dist)
    assert ran.returncode != 0
    assert "its mappings does not have one, four or five numbers" in ran.stderr

    nobodys = Uploader(shop.uploader.url, shop.uploader.token, "nobodys")
    ran = nobodys.cli(version, "sourcemaps", "upload", *options, dist)
    assert ran.returncode != 0
    assert "The project nobodys does not exist, or the token does not see it." in ran.stderr
