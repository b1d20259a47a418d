"""A row takes effect as soon as it is written, although eventually consistent reads lag."""

from errata.usecases import webhooks
from tests.support import stream
from tests.support.account import new_project
from tests.support.calls import lagging, recorded
from tests.support.clients import capture, events, ingest
from tests.support.gateway import call

FIRST_ERROR = {"hash": "0" * 32, "level": "Error", "message": "boom"}


def test_a_new_key_works_at_once() -> None:
    with lagging():
        project = new_project()
        assert ingest(project).status == 202
        assert capture(project).json == {"ok": True, "id": 1}
        assert len(events(project)) == 2


def test_the_first_error_of_a_script_creates_its_project() -> None:
    with lagging():
        assert [call("POST", "/api.php", FIRST_ERROR).json["id"] for _ in range(2)] == [1, 2]


def test_a_new_webhook_gets_a_message_about_the_next_issue() -> None:
    project = new_project()
    with lagging(), recorded() as calls:
        webhooks.add(project.id, "https://example.com/hook")
        ingest(project)
        stream.deliver(stream.records())
    assert any(call.operation.startswith("SendMessage") for call in calls)
