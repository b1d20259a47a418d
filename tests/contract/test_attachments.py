"""Attachments of SDKs' events: kept if the project wants them, bounded, and deleted with events."""

import itertools
import json
from typing import Any

import pytest

from errata.config import settings
from errata.errors import UnavailableError
from errata.models.ids import now_ms
from errata.models.tally import is_kept
from errata.protocol.sentry.attachments import MAX_FILE_BYTES, MAX_FILES
from errata.store import clients
from errata.usecases import attachments, erase, projects, read_events
from tests.support import function_url, sdk
from tests.support.account import Project, rows
from tests.support.bundles import make_bucket, run
from tests.support.calls import Call, Killed, failing, fault, killed, recorded, watched
from tests.support.clients import events
from tests.support.fresh import clear_cache
from tests.support.gateway import Response
from tests.support.visible import visible_in

SCREENSHOT = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"
NAMES = {"filename": "screenshot.png", "content_type": "image/png"}


@pytest.fixture(autouse=True)
def _bucket(aws: None) -> None:
    make_bucket()


@pytest.fixture
def shop(busy: Project) -> Project:
    attachments.change(busy.id, True)
    clear_cache()
    return busy


def attached(content: bytes, **headers: Any) -> bytes:
    named = {"type": "attachment", "length": len(content), **NAMES, **headers}
    return json.dumps(named).encode() + b"\n" + content


def send(project: Project, *files: bytes, **fields: Any) -> tuple[Response, dict[str, Any]]:
    event = sdk.event(**fields)
    body = sdk.envelope(sdk.item("event", event), *files, event_id=event["event_id"])
    return sdk.post(project, body), event


def objects() -> list[str]:
    found = clients.s3().list_objects_v2(Bucket=settings().maps_bucket, Prefix="attachments/")
    return [each["Key"] for each in found.get("Contents", ())]


def attachment_rows() -> list[dict[str, Any]]:
    return [row for row in rows()["ARTIFACTS_TABLE"] if row["sk"]["S"].startswith("attachment#")]


def read(project: Project, event_id: str, number: int) -> tuple[str, bytes]:
    found = read_events.find(visible_in(project.id), event_id)
    assert found
    return attachments.read(found, number)


def test_attachments_are_stored_with_their_event(shop: Project) -> None:
    log = attached(b"one\ntwo", filename="app.log", content_type="text/plain")
    response, sent = send(shop, attached(SCREENSHOT), log)
    assert response.json == {"id": sent["event_id"]}
    (event,) = events(shop)
    assert event["attachments"] == [
        {**NAMES, "size": len(SCREENSHOT), "attachment_type": "event.attachment"},
        {
            "filename": "app.log",
            "content_type": "text/plain",
            "size": 7,
            "attachment_type": "event.attachment",
        },
    ]
    assert "problems" not in event or event["problems"] is None
    assert read(shop, event["id"], 0) == ("screenshot.png", SCREENSHOT)
    assert read(shop, event["id"], 1) == ("app.log", b"one\ntwo")
    (row,) = attachment_rows()
    kept_s = int(row["ttl"]["N"]) - now_ms() // 1000
    assert abs(kept_s - 30 * 86_400) < 60


def test_without_the_setting_attachments_are_dropped_and_named_in_a_problem(busy: Project) -> None:
    with recorded() as calls:
        send(busy, attached(SCREENSHOT))
    assert "PutObject" not in [each.operation for each in calls]
    (event,) = events(busy)
    assert not event.get("attachments")
    assert event["problems"] == [
        {"field": "attachments", "problem": "are not stored: screenshot.png"}
    ]
    assert (objects(), attachment_rows()) == ([], [])


def test_minidumps_and_files_that_are_too_large_or_too_many_are_not_stored(shop: Project) -> None:
    large = attached(b"x" * (MAX_FILE_BYTES + 1), filename="large.bin")
    dump = attached(b"MDMP", filename="dump", attachment_type="event.minidump")
    files = [attached(b"a", filename=f"{n}.txt") for n in range(MAX_FILES + 2)]
    send(shop, large, dump, *files)
    (event,) = events(shop)
    assert [each["filename"] for each in event["attachments"]] == [
        f"{n}.txt" for n in range(MAX_FILES)
    ]
    (problem,) = event["problems"]
    assert problem["problem"] == "are not stored: large.bin, 10.txt, 11.txt"
    assert len(objects()) == MAX_FILES


def test_attachments_have_a_rate_limit_of_their_own(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "LEAST_BURST", 8)
    projects.change(shop.id, 8, None)
    clear_cache()
    large = attached(b"\0" * 1_000_000, filename="large.bin")
    for number in range(3):  # each file is four tokens
        assert send(shop, large, message=f"{number}")[0].status == 200
    (without,) = [each for each in events(shop) if not each.get("attachments")]
    assert without["problems"] == [{"field": "attachments", "problem": "are not stored: large.bin"}]
    assert len(objects()) == len(attachment_rows()) == 2
    other = sdk.event(message="of another request")
    body = sdk.envelope(sdk.item("event", other), large, event_id=other["event_id"])
    path = f"/api/{shop.id}/envelope/?sentry_key={shop.public}"
    statuses = [function_url.call("POST", path, body).status for _ in range(9)]
    assert statuses == [200] * 8 + [429]


def test_the_files_of_one_event_are_stored_however_low_the_rate_limit_is(shop: Project) -> None:
    projects.change(shop.id, 3, None)
    clear_cache()
    send(shop, *(attached(b"\0" * MAX_FILE_BYTES, filename=f"{n}") for n in range(5)))
    (event,) = events(shop)
    assert len(event["attachments"]) == 5


def test_files_that_are_sent_again_do_not_replace_the_stored_ones(shop: Project) -> None:
    files = [attached(b"one"), attached(b"two", filename="b.txt")]
    _, sent = send(shop, *files)
    (before,) = attachment_rows()
    (stored,) = events(shop)
    another = {**sent, "timestamp": sent["timestamp"] - 1}
    for others in ([attached(b"six")], [*reversed(files)], [*files, attached(b"more")]):
        for event in (sent, another):
            clear_cache()
            body = sdk.envelope(sdk.item("event", event), *others, event_id=event["event_id"])
            assert sdk.post(shop, body).status == 200
    assert attachment_rows() == [before]
    assert [read(shop, stored["id"], n)[1] for n in range(2)] == [b"one", b"two"]
    assert len(objects()) == 2


def test_names_are_bounded_and_of_the_wrong_type_are_ignored(shop: Project) -> None:
    large = b"x" * (MAX_FILE_BYTES + 1)
    send(shop, attached(b"a", filename="n" * 9_999, content_type=7), attached(large, filename=7))
    (event,) = events(shop)
    (found,) = event["attachments"]
    assert found["filename"] == "n" * 200
    assert "content_type" not in found
    assert event["problems"] == [{"field": "attachments", "problem": "are not stored: attachment"}]


CARD = "4111111111111111"


def test_secrets_in_names_and_types_of_attachments_are_replaced(shop: Project) -> None:
    files = [
        attached(b"a", filename="GET ?token=hush-1", content_type="text/plain;password=hush-2"),
        attached(b"b", filename=f"receipt {CARD}.pdf", attachment_type=f"of {CARD}"),
        # The name is scrubbed before it is cut: half a card number is not recognized.
        attached(b"c", filename=f"{'n' * 190} {CARD}.pdf"),
        attached(b"x" * (MAX_FILE_BYTES + 1), filename=f"{CARD}.bin"),
    ]
    send(shop, *files)
    (event,) = events(shop)
    named = [(each["filename"], each["content_type"]) for each in event["attachments"]]
    assert named == [
        ("GET ?token=[Filtered]", "text/plain;password=[Filtered]"),
        ("receipt [Filtered].pdf", NAMES["content_type"]),
        (f"{'n' * 190} [Filtered", NAMES["content_type"]),
    ]
    assert event["attachments"][1]["attachment_type"] == "of [Filtered]"
    (problem,) = event["problems"]
    assert problem["problem"] == "are not stored: [Filtered].bin"
    assert read(shop, event["id"], 1) == ("receipt [Filtered].pdf", b"b")


def test_names_of_attachments_keep_secrets_if_scrubbing_is_off(shop: Project) -> None:
    projects.change_scrubbing(shop.id, False, None)
    clear_cache()
    send(shop, attached(b"a", filename=f"receipt {CARD}.pdf"))
    (event,) = events(shop)
    assert event["attachments"][0]["filename"] == f"receipt {CARD}.pdf"


def test_attachments_of_a_refused_event_or_without_an_event_are_not_stored(shop: Project) -> None:
    body = sdk.envelope(sdk.item("event", b"no JSON"), attached(SCREENSHOT))
    assert sdk.post(shop, body).status == 400
    alone = sdk.envelope(attached(SCREENSHOT), event_id="0" * 31 + "1")
    assert sdk.post(shop, alone).status == 200
    assert (objects(), attachment_rows()) == ([], [])


@pytest.mark.usefixtures("clock")
def test_in_an_error_loop_only_events_kept_in_full_keep_their_attachments(shop: Project) -> None:
    number = 24
    for _ in range(number):
        send(shop, attached(b"a"))
    kept = sum(map(is_kept, range(1, number + 1)))
    assert len(objects()) == len(attachment_rows()) == kept < number


def test_no_file_is_lost_or_left_over_if_the_process_ends_between_two_calls(shop: Project) -> None:
    for number in itertools.count(1):
        event = sdk.event(message=f"{number}")
        files = [attached(SCREENSHOT), attached(b"log", filename="app.log")]
        body = sdk.envelope(sdk.item("event", event), *files, event_id=event["event_id"])
        with fault(number, killed, after=True) as outcome:
            try:
                sdk.post(shop, body)
            except Killed:
                clear_cache()
        if not outcome.struck:
            break
        # Every file has the row whose expiry deletes it.
        ids_of_rows = {row["sk"]["S"].partition("#")[2] for row in attachment_rows()}
        assert {key.split("/")[2] for key in objects()} <= ids_of_rows
        assert sdk.post(shop, body).status == 200
        clear_cache()
        assert (len(objects()), len(attachment_rows())) == (2 * number, number)
        assert read(shop, event["event_id"], 1) == ("app.log", b"log")
    assert number > 4


def test_a_failed_store_is_503(shop: Project) -> None:
    send(shop, attached(b"a"))
    with fault(3, failing) as outcome:
        response, _ = send(shop, attached(b"b"))
    assert outcome.struck
    assert response.status == 503


def expire(project: Project, sdk_id: str) -> None:
    """Tell the function that the row of an event has expired."""
    run(project.id, f"attachment#{sdk_id}")


def test_the_expiry_of_the_row_deletes_the_files(shop: Project) -> None:
    _, first = send(shop, attached(b"a"), attached(b"b"))
    _, second = send(shop, attached(b"c"), message="another")
    for _ in range(2):
        expire(shop, first["event_id"])
        assert objects() == [f"attachments/{shop.id}/{second['event_id']}/0"]


def test_files_are_deleted_in_one_request_however_many_there_are(shop: Project) -> None:
    _, sent = send(shop, *[attached(b"a", filename=f"{n}.txt") for n in range(MAX_FILES)])
    assert len(objects()) == MAX_FILES
    with recorded() as calls:
        expire(shop, sent["event_id"])
    assert [each.operation for each in calls] == ["DeleteObjects"]
    assert objects() == []


def test_files_that_s3_has_not_deleted_are_deleted_by_the_next_run(shop: Project) -> None:
    _, sent = send(shop, attached(b"a"), attached(b"b"), attached(b"c"))
    kept = f"attachments/{shop.id}/{sent['event_id']}/1"

    def all_but_one(call: Call) -> Any:
        """Respond as S3 does if it cannot delete one of the objects now."""
        asked = call.parameters["Delete"]["Objects"]
        call.parameters["Delete"]["Objects"] = [each for each in asked if each["Key"] != kept]
        failed = {"Key": kept, "Code": "SlowDown", "Message": "Please reduce your request rate."}
        return {**call.send(), "Errors": [failed]}

    with watched(all_but_one), pytest.raises(UnavailableError, match="1 of 10 objects: SlowDown"):
        expire(shop, sent["event_id"])
    assert objects() == [kept]
    expire(shop, sent["event_id"])
    assert objects() == []


def test_a_deletion_that_is_cut_off_can_be_repeated(shop: Project) -> None:
    _, sent = send(shop, attached(b"a"), attached(b"b"))
    for after in (False, True):
        with fault(1, killed, after=after) as outcome, pytest.raises(Killed):
            expire(shop, sent["event_id"])
        assert outcome.struck
    expire(shop, sent["event_id"])
    assert objects() == []


def test_an_erased_person_s_files_are_deleted(shop: Project) -> None:
    _, sent = send(shop, attached(SCREENSHOT), user={"email": "kim@example.org"})
    send(shop, attached(b"other"), message="another")
    project = projects.find(shop.id)
    list(erase.erase(project, "kim@example.org", dry_run=True))
    assert len(attachment_rows()) == 2
    # Then it waits for digest.
    next(each for each in erase.erase(project, "kim@example.org") if "waiting" in each.doing)
    (row,) = attachment_rows()
    assert row["sk"]["S"] != f"attachment#{sent['event_id']}"
