"""User feedback: items of envelopes and the dialog, stored once, listed, shown and erased."""

import itertools
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from errata.models.feedback import MAX_MESSAGE, Feedback
from errata.protocol.sentry.envelope import MAX_EVENTS
from errata.usecases import delete_cleared, erase, feedback, organizations, projects
from errata.usecases.clear_project import clear
from tests.support import function_url, sdk
from tests.support.account import Clock, Project, rows
from tests.support.calls import Killed, failing, fault, killed, recorded
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, call
from tests.support.visible import visible_in

EVENT = "fc6d8c0c43fc4630ad850ee518f1b9d0"
REPORT = {"event_id": EVENT, "name": "Kim", "email": "kim@example.org", "comments": "It broke."}
FORM = {"name": "Kim", "email": "kim@example.org", "comments": "It broke."}
MESSAGE = {
    "event_id": "9ec79c33ec9942ab8353589fcb2e04dc",
    "timestamp": 1_796_057_516.25,
    "contexts": {
        "feedback": {
            "message": "The button does nothing.",
            "contact_email": "ada@example.org",
            "name": "Ada",
            "url": "https://shop.example/cart",
            "associated_event_id": EVENT,
        }
    },
}


def stored_feedback(project: Project) -> list[Feedback]:
    return feedback.newest(visible_in(project.id), 100)


def feedback_rows() -> list[dict[str, Any]]:
    return [row for row in rows()["EVENTS_TABLE"] if "feedback" in row]


def send(project: Project, *items: tuple[str, Any]) -> Response:
    body = sdk.envelope(*(sdk.item(kind, payload) for kind, payload in items))
    return sdk.post(project, body)


def dialog(project: Project, form: dict[str, str], event_id: str = EVENT, **more: Any) -> Response:
    dsn = f"https://{project.public}@errors.example.com/v1/{project.id}"
    url = f"/api/embed/error-page/?eventId={event_id}&dsn={quote(dsn)}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return call("POST", url, urlencode(form).encode(), kind, **more)


def test_a_user_report_belongs_to_its_event(busy: Project) -> None:
    sent = sdk.event(event_id=EVENT)
    assert sdk.post(busy, sdk.of_event(sent)).status == 200
    assert send(busy, ("user_report", REPORT)).status == 200
    (found,) = stored_feedback(busy)
    assert (found.message, found.name, found.email) == ("It broke.", "Kim", "kim@example.org")
    assert feedback.of_event(visible_in(busy.id), EVENT) == [found]
    assert feedback.of_event(visible_in(busy.id), "0" * 32) == []
    # Feedback is not an event and is not counted as one.
    assert [each["event_id"] for each in events(busy)] == [EVENT]
    assert projects.find(busy.id).feedback is True


def test_a_feedback_item_may_name_an_event_and_a_page(busy: Project, clock: Clock) -> None:
    assert send(busy, ("feedback", MESSAGE)).status == 200
    (found,) = stored_feedback(busy)
    assert (found.message, found.name, found.email) == (
        "The button does nothing.",
        "Ada",
        "ada@example.org",
    )
    assert (found.event_id, found.url) == (EVENT, "https://shop.example/cart")
    clock.advance(1)
    alone = {"contexts": {"feedback": {"message": "Nice."}}}
    assert send(busy, ("feedback", alone)).status == 200
    assert stored_feedback(busy)[0].event_id == ""


def test_the_dialog_s_form_is_stored(busy: Project) -> None:
    response = dialog(busy, FORM)
    assert (response.status, response.json) == (200, {})
    (found,) = stored_feedback(busy)
    assert (found.message, found.event_id) == ("It broke.", EVENT)
    assert dialog(busy, {**FORM, "comments": "  "}).status == 400
    assert dialog(busy, {**FORM, "comments": "x" * 40_000}).status == 413
    many = dialog(busy, {str(number): "x" for number in range(21)})
    assert (many.status, "more than 20 fields" in many.text) == (400, True)
    unknown = busy._replace(public="0" * 32)
    assert dialog(unknown, FORM).status == 401
    assert dialog(busy._replace(id="999"), FORM).status == 401
    assert call("POST", "/api/embed/error-page/", b"comments=a", {}).status == 401
    assert len(stored_feedback(busy)) == 1


def test_the_dialog_s_script_has_the_page_s_options_as_escaped_text() -> None:
    title = "</script><script>alert(1)</script>\u2028"
    for send_to in (call, function_url.call):
        response = send_to("GET", f"/api/embed/error-page/?title={quote(title)}&name=Kim&evil=1")
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/javascript"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "</script>" not in response.text
        assert '"name": "Kim"' in response.text
        assert "evil" not in response.text
        assert "/* options */" not in response.text


@pytest.mark.parametrize(
    "item",
    [
        ("user_report", b"no JSON"),
        ("user_report", {**REPORT, "comments": 7}),
        ("feedback", {"contexts": {"feedback": "x"}}),
        ("feedback", {"message": "elsewhere"}),
    ],
)
def test_feedback_without_a_message_is_refused_and_the_rest_is_stored(
    busy: Project, item: tuple[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert send(busy, item).status == 400
    assert f"event lost: project {busy.id}, invalid" in caplog.messages
    sent = sdk.event()
    body = sdk.envelope(sdk.item(*item), sdk.item("user_report", REPORT), sdk.item("event", sent))
    assert sdk.post(busy, body).json == {"id": sent["event_id"]}
    assert (len(events(busy)), len(stored_feedback(busy))) == (1, 1)


def test_feedback_is_cut_and_scrubbed(busy: Project) -> None:
    secret = (
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
    )
    long = {**REPORT, "comments": secret + " " + "x" * 100_000, "name": "n" * 9_999}
    send(busy, ("user_report", long))
    (found,) = stored_feedback(busy)
    assert len(found.message) <= MAX_MESSAGE
    assert len(found.name) <= 200
    assert "dozjgNryP4J3" not in found.message


def test_feedback_beyond_the_limit_of_an_envelope_is_logged_as_a_loss(
    busy: Project, caplog: pytest.LogCaptureFixture
) -> None:
    items = [("user_report", {**REPORT, "comments": f"{n}"}) for n in range(MAX_EVENTS + 5)]
    assert send(busy, *items).status == 200
    assert len(stored_feedback(busy)) == MAX_EVENTS
    assert f"event lost: project {busy.id}, too_large" in caplog.messages


@pytest.mark.usefixtures("clock")
def test_feedback_uses_a_unit_of_the_quota() -> None:
    organization = organizations.create("small")
    organizations.change(organization.id, monthly_quota=1)
    created = projects.create("shop", organization=organization.id)
    assert created
    project = Project(created.project.id, created.key, created.public)
    assert send(project, ("user_report", REPORT)).status == 200
    assert send(project, ("user_report", REPORT)).status == 429
    assert dialog(project, {**FORM, "comments": "again"}).status == 402
    assert len(stored_feedback(project)) == 1


def test_each_feedback_of_an_envelope_counts_against_the_rate_limit(project: Project) -> None:
    projects.change(project.id, 3, None)
    items = [("user_report", {**REPORT, "comments": f"{n}"}) for n in range(8)]
    send(project, *items)
    assert 1 <= len(stored_feedback(project)) < 8
    assert dialog(project, FORM).status == 429


def test_repeated_feedback_is_stored_once_if_the_process_ends_between_two_calls(
    busy: Project,
) -> None:
    for number in itertools.count(1):
        report = ("user_report", {**REPORT, "comments": f"{number}"})
        message = ("feedback", {**MESSAGE, "event_id": f"{number:032x}"})
        with fault(number, killed, after=True) as outcome:
            try:
                send(busy, report, message)
            except Killed:
                clear_cache()
        if not outcome.struck:
            break
        for _ in range(2):
            assert send(busy, report, message).status == 200
            clear_cache()
        assert len(stored_feedback(busy)) == 2 * number
    assert number > 3


def test_a_failed_store_is_503(busy: Project) -> None:
    send(busy, ("user_report", REPORT))
    clear_cache()
    with fault(2, failing):
        assert send(busy, ("user_report", {**REPORT, "comments": "a"})).status == 503
    with fault(2, failing):
        assert dialog(busy, {**FORM, "comments": "b"}).status == 503


def test_an_envelope_without_feedback_takes_one_call(busy: Project) -> None:
    sdk.capture(busy)
    with recorded() as calls:
        sdk.capture(busy)
    assert [each.operation for each in calls] == ["PutItem"]


def test_a_clear_hides_and_deletes_feedback(busy: Project) -> None:
    send(busy, ("user_report", REPORT))
    assert stored_feedback(busy)
    clear(busy.id)
    assert stored_feedback(busy) == []
    assert feedback.of_event(visible_in(busy.id), EVENT) == []
    delete_cleared.clean(busy.id)
    assert feedback_rows() == []


def test_each_page_of_feedback_begins_where_the_last_one_ended(busy: Project, clock: Clock) -> None:
    for number in range(5):
        send(busy, ("user_report", {**REPORT, "comments": f"{number}"}))
        clock.advance(1)
    visible = visible_in(busy.id)
    first = feedback.newest(visible, 2)
    second = feedback.newest(visible, 2, first[-1].id)
    third = feedback.newest(visible, 2, second[-1].id)
    assert [each.message for each in (*first, *second, *third)] == ["4", "3", "2", "1", "0"]


def test_erasing_a_person_deletes_feedback_by_them_or_that_names_them(busy: Project) -> None:
    send(busy, ("user_report", REPORT), ("feedback", MESSAGE))
    third = {
        **REPORT,
        "name": "Bo",
        "email": "bo@example.org",
        "comments": "as kim@example.org said",
    }
    send(busy, ("user_report", third))
    project = projects.find(busy.id)
    *_, last = erase.erase(project, "kim@example.org", dry_run=True)
    assert last.receipt.feedback_deleted == 2
    assert len(stored_feedback(busy)) == 3
    *_, last = erase.erase(project, "kim@example.org")
    assert last.receipt.feedback_deleted == 2
    assert [each.name for each in stored_feedback(busy)] == ["Ada"]
    assert "kim@example.org" not in str(rows())
