"""Build the app of `tests/clients/builds`, upload its source maps with foreign tools, run it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.programs import PATIENCE_S, SDKS, served
from tests.support.template import ROOT

BUILDS = ROOT / "tests" / "clients" / "builds"
_PAGE = (
    "<!doctype html><title>Shop</title><button>Check out</button>"
    '<script type="module" src="{}"></script>'
)
SENTRY_CLI = {
    "2.39.1": BUILDS / "node_modules" / "sentry-cli-2-39",
    "2.58.6": SDKS / "node_modules" / "sentry-cli-2",
    "3.8.0": SDKS / "node_modules" / "sentry-cli-3",
}


@dataclass(frozen=True)
class Uploader:
    """What uploaders get from their environment: where they upload to, and for which project."""

    url: str
    token: str
    project: str

    def cli(self, version: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run sentry-cli. It reads the URL from the token."""
        return self._node(SENTRY_CLI[version] / "bin" / "sentry-cli", *arguments)

    def bundle(self, bundler: str, app: Path, release: str = "") -> None:
        """Build an app with a bundler, whose plugin uploads."""
        ended = self._node(BUILDS / f"{bundler}.mjs", app, SENTRY_URL=self.url, RELEASE=release)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def _node(
        self, program: Path, *arguments: str | Path, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        environment = {
            "SENTRY_AUTH_TOKEN": self.token,
            "SENTRY_ORG": "default",
            "SENTRY_PROJECT": self.project,
            "SENTRY_CLI_NO_TELEMETRY": "1",
            "NO_COLOR": "1",
            **more,
        }
        folder = next((each for each in arguments if isinstance(each, Path)), None)
        assert folder
        return node(program, *arguments, folder=folder, **environment)


def node(
    program: Path, *arguments: str | Path, folder: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program in Node.js, in a folder that no version control knows."""
    inherited = {name: each for name, each in os.environ.items() if not name.startswith("SENTRY_")}
    return subprocess.run(
        ["node", str(program), *map(str, arguments)],
        cwd=folder,
        env={**inherited, **environment, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def new_app(folder: Path, notice: str) -> Path:
    """Copy the app into a new folder, with its own text, so that no two builds are the same."""
    (folder / "node_modules").symlink_to(SDKS / "node_modules")
    app = folder / "app"
    shutil.copytree(BUILDS / "app", app)
    (app / "src" / "notice.ts").write_text(f"export const notice = {json.dumps(notice)};\n")
    return app


def build(app: Path) -> Path:
    """Build an app without uploading anything. Return the folder with the generated files."""
    ended = node(BUILDS / "esbuild.mjs", app, folder=app)
    assert ended.returncode == 0, ended.stderr
    return app / "dist"


def check_out(browser: Browser, dist: Path, dsn: str, /, **options: str) -> None:
    """Open the page of a build and check out, which fails. `options` are the SDK's."""
    if not (dist / "index.html").exists():
        (entry,) = dist.rglob("page*.js")
        (dist / "index.html").write_text(_PAGE.format(entry.relative_to(dist)))
    with served(dist) as origin:
        page = browser.new_page()
        page.add_init_script(f"window.SENTRY_DSN = {json.dumps(dsn)}")
        page.add_init_script(f"window.SHOP = {json.dumps(options)}")
        page.goto(origin)
        expect(page).to_have_title("Ready")
        page.get_by_role("button").click()
        expect(page).to_have_title("Sent")
        page.close()


def work(dist: Path, dsn: str) -> None:
    """Run the job of a build in Node.js, which fails."""
    node(dist / "job" / "job.mjs", folder=dist, SENTRY_DSN=dsn)
