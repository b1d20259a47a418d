"""`errata privacy erase`: it asks, shows a receipt, and does not log who the person is."""

import logging

import pytest

from errata.errors import UnavailableError
from errata.store import erasures
from errata.usecases import audit
from tests.support import stream
from tests.support.account import Clock, Project
from tests.support.cli import done, failed, run
from tests.support.clients import events, ingest

pytestmark = pytest.mark.usefixtures("deployed")

ADA = "ada@example.com"
RECEIPT = {
    "events_deleted": 1,
    "events_rewritten": 1,
    "issues_changed": 2,
    "values_removed": 2,
    "rows_rewritten": 1,
    "messages_rewritten": 0,
    "feedback_deleted": 0,
}


@pytest.fixture
def shop(busy: Project, clock: Clock) -> Project:
    """Provide a project with an event of the person, and one that mentions the person."""
    user = {"id": 4711, "email": ADA}
    assert ingest(busy, {"message": "boom", "user": user}).status == 202
    mention = {"message": f"mail {ADA}", "url": f"https://example.com/?to={ADA}"}
    assert ingest(busy, mention).status == 202
    stream.pump(stream.records())
    clock.advance(600)
    return busy


def test_the_receipt_counts_what_was_erased(shop: Project) -> None:
    shown = done("privacy", "erase", shop.id, "--user", ADA, "--yes", "--json").json
    assert shown.items() >= {**RECEIPT, "dry_run": False, "also_named": ["id 4711"]}.items()
    assert "point-in-time recovery" in shown["notes"][0]
    assert [event["message"] for event in events(shop)] == ["mail [Erased]"]
    again = done("privacy", "erase", shop.id, "--user", ADA.upper(), "--yes")
    assert again.out.startswith("events deleted      0\n")


def test_erase_asks_for_the_project_s_name(shop: Project) -> None:
    ran = run("privacy", "erase", shop.id, "--user", ADA, stdin=b"blog\n")
    assert (ran.code, len(events(shop))) == (1, 2)
    assert "That is not the project's name. Nothing was erased." in ran.err
    ran = run("privacy", "erase", shop.id, "--user", ADA, stdin=b"shop\n")
    assert (ran.code, len(events(shop))) == (0, 1), ran
    assert "The events also named their user: id 4711." in ran.out


def test_a_dry_run_asks_nothing_and_changes_nothing(shop: Project) -> None:
    shown = done("privacy", "erase", shop.id, "--user", ADA, "--dry-run", "--json").json
    assert shown.items() >= {**RECEIPT, "dry_run": True}.items()
    assert len(events(shop)) == 2


def test_a_user_id_that_is_too_short_to_search_texts_is_reported(shop: Project) -> None:
    assert (
        "too short to search texts for it"
        in done("privacy", "erase", shop.id, "--user", "7", "--yes").out
    )


@pytest.mark.parametrize("user", ["", " ", "x" * 501, "a\nb"])
def test_an_invalid_user_is_refused(shop: Project, user: str) -> None:
    output = failed("privacy", "erase", shop.id, "--user", user, "--yes")
    assert output == "error: user: --user must have 1 to 500 printable characters.\n"


def test_the_project_must_exist() -> None:
    assert "project 99" in failed("privacy", "erase", "99", "--user", ADA, "--yes")


def test_the_person_is_not_named_in_a_log(
    shop: Project, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    with monkeypatch.context() as patch:
        patch.setattr(erasures, "change_rows", _unavailable)
        failed("privacy", "erase", shop.id, "--user", ADA, "--yes")
    clock.advance(1)
    done("privacy", "erase", shop.id, "--user", ADA, "--yes")
    finished, cut_off, *_ = audit.list_entries("default", "", 10)[0]
    assert (cut_off.action, cut_off.details, cut_off.finished) == ("person erased", "", False)
    assert (finished.action, finished.finished) == ("person erased", True)
    numbers = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in RECEIPT.items())
    assert finished.details == numbers
    assert "ada@" not in caplog.text.casefold()


def _unavailable(*_: object) -> None:
    raise UnavailableError
