"""Cron monitors: their rows, and what people do with them."""

from dataclasses import replace

import pytest

from errata.errors import LimitReachedError, NotFoundError
from errata.models import monitor as models
from errata.models.monitor import Monitor, MonitorConfig, Run
from errata.store import monitors as store
from errata.usecases import monitors, projects
from errata.usecases.delete_project import delete_project
from tests.support.account import Project

NIGHTLY = MonitorConfig(crontab="0 3 * * *", timezone="Europe/Berlin", margin=5)


def monitor(project: Project, slug: str = "nightly", environment: str = "production") -> Monitor:
    """Return a monitor with a run, not yet stored."""
    run = Run("a" * 32, "error", 1_000, ended_ms=2_000, ended_by="b" * 32, event="told")
    return Monitor(
        project.id, slug, environment, 1_000, config=NIGHTLY, runs=(run,), issue_id="c" * 32
    )


def test_a_monitor_is_stored_changed_only_from_its_newest_version_and_deleted(
    project: Project,
) -> None:
    new = monitor(project)
    assert store.add_monitor(new)
    assert not store.add_monitor(new)
    assert monitors.of_project(project.id) == [replace(new, version=1)]
    assert monitors.find(project.id, "nightly", "production") == [replace(new, version=1)]
    assert store.save_monitor(replace(new, version=1, missed=3))
    assert not store.save_monitor(replace(new, version=1, missed=4))  # somebody was faster
    assert monitors.of_project(project.id)[0].missed == 3
    assert store.add_monitor(monitor(project, environment="test"))
    assert len(monitors.delete(project.id, "nightly")) == 2
    with pytest.raises(NotFoundError, match="no monitor nightly in test"):
        monitors.find(project.id, "nightly", "test")
    assert projects.find(project.id).monitors == 0


def test_the_number_of_monitors_of_a_project_is_limited(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.MAX_MONITORS == 100
    monkeypatch.setattr(store, "MAX_MONITORS", 2)
    for slug in ("one", "two"):
        assert store.add_monitor(monitor(project, slug))
    with pytest.raises(LimitReachedError):
        store.add_monitor(monitor(project, "three"))
    monitors.delete(project.id, "one")
    assert store.add_monitor(monitor(project, "three"))
    assert projects.find(project.id).monitors == 2


def test_a_deleted_project_has_no_monitors(project: Project) -> None:
    store.add_monitor(monitor(project))
    delete_project(project.id)
    assert not monitors.of_project(project.id)
    with pytest.raises(LimitReachedError):
        store.add_monitor(monitor(project))
