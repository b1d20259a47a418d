"""Unmodified producers of check-ins: sentry-cli and the Python SDK, on the deployed stack."""

import os
import subprocess
import sys

import pytest

from dev.stack import LocalStack
from errata.models.monitor import Monitor, MonitorConfig
from errata.models.project import live_dsns
from errata.usecases import monitors, projects
from tests.support.builds import SENTRY_CLI
from tests.support.cli import done
from tests.support.deployed import eventually
from tests.support.programs import run

PATIENCE_S = 120


@pytest.fixture
def shop(stack: LocalStack) -> tuple[str, str]:
    """Return the id and a DSN of a new project."""
    created = projects.create("shop")
    assert created
    (dsn,) = live_dsns(stack.sdk_url, projects.list_keys(created.project.id)).values()
    return created.project.id, dsn


def wait_for_runs(project_id: str, slug: str, runs: int) -> Monitor:
    """Return a monitor once both check-ins of so many runs are there. They come in any order."""

    def look() -> list[Monitor]:
        return [each for each in monitors.of_project(project_id) if each.slug == slug]

    def is_there(found: list[Monitor]) -> bool:
        whole = [run for each in found for run in each.runs if run.began and run.ended_ms]
        return len(whole) == runs and all(each.config for each in found)

    return eventually(look, is_there)[0]


def titles(errata: str, project_id: str, status: str) -> set[str]:
    listed = done("issues", "list", project_id, "--stack", errata, "--status", status, "--json")
    return {each["title"] for each in listed.json}


@pytest.mark.parametrize("version", ["2.58.6", "3.8.0"])
def test_sentry_cli_reports_the_runs_of_a_monitor(
    errata: str, shop: tuple[str, str], version: str
) -> None:
    project_id, dsn = shop

    def job(code: int) -> None:
        program = [sys.executable, "-c", f"raise SystemExit({code})"]
        options = ["--schedule", "0 3 * * *", "--check-in-margin", "5", "--max-runtime", "20"]
        options += ["--timezone", "Europe/Berlin", "--environment", "staging", "nightly"]
        cli = SENTRY_CLI[version] / "bin" / "sentry-cli"
        clean = {name: each for name, each in os.environ.items() if "SENTRY" not in name}
        ran = subprocess.run(
            [str(cli), "monitors", "run", *options, "--", *program],
            env={**clean, "SENTRY_DSN": dsn},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        assert not ran.stderr, ran.stderr

    job(3)
    failed = wait_for_runs(project_id, "nightly", 1)
    assert failed.environment == "staging"
    assert failed.config == MonitorConfig(
        crontab="0 3 * * *", timezone="Europe/Berlin", margin=5, max_runtime=20
    )
    (run_of_job,) = failed.runs
    assert (run_of_job.status, run_of_job.began) == ("error", True)
    assert run_of_job.took_ms is not None
    eventually(
        lambda: titles(errata, project_id, "open"), lambda found: found == {"nightly: failed run"}
    )
    job(0)
    assert [each.status for each in wait_for_runs(project_id, "nightly", 2).runs] == ["error", "ok"]
    eventually(
        lambda: titles(errata, project_id, "resolved"),
        lambda found: found == {"nightly: failed run"},
    )


def test_the_python_sdk_reports_the_runs_of_a_monitor(errata: str, shop: tuple[str, str]) -> None:
    project_id, dsn = shop
    assert run("python/monitored.py", dsn) == "works\n"
    good = wait_for_runs(project_id, "python-job", 1)
    assert (good.runs[0].status, good.runs[0].release) == ("ok", "shop@1.2.3")
    assert good.config
    assert good.config.schedule == "every 2 hours"
    run("python/monitored.py", dsn, "stock is low")
    assert [each.status for each in wait_for_runs(project_id, "python-job", 2).runs] == [
        "ok",
        "error",
    ]
    # The exception itself is an event, too.
    wanted = {"python-job: failed run", "RuntimeError: stock is low"}
    eventually(lambda: titles(errata, project_id, "open"), lambda found: found == wanted)
