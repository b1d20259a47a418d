"""Outbound webhooks: messages, attempts, and when a webhook is disabled."""

import hashlib
import hmac
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from standardwebhooks import Webhook

from errata.config import settings
from errata.errors import InvalidInputError, NotFoundError
from errata.models.ids import minted_ms
from errata.outbound import post
from errata.store import clients, projects
from errata.store import webhooks as store
from errata.usecases import webhooks
from errata.usecases.deliver import deliver
from tests.support import stream, template
from tests.support.account import Clock, Project
from tests.support.calls import calling_as, recorded
from tests.support.cli import refusing
from tests.support.gateway import call, handler
from tests.support.receiver import drip, hang, huge, receiver, reset, response
from tests.support.webhooks import attempts, messages, one_message, queued


def test_only_the_first_event_of_an_issue_sends_a_message(busy: Project, clock: Clock) -> None:
    with receiver() as there:
        webhook, secret = webhooks.add(busy.id, there.url + "?token=t")
        sent = {"message": "boom", "exception_class": "E", "release": "1", "environment": "prod"}
        first = call("POST", "/api/ingest", sent, {"X-Api-Key": busy.key}).json["id"]
        clock.advance(1)
        call("POST", "/api/ingest", sent, {"X-Api-Key": busy.key})
        assert stream.deliver(stream.records()) == []
        assert stream.deliver(stream.records()) == []
        (message,) = messages()
        assert deliver(message) is None
        (request,) = there.received
    assert request.path == "/hook?token=t"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-pulse-event"] == "issue.created"
    expected = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-pulse-signature"] == f"sha256={expected}"
    Webhook(secret).verify(request.body, dict(request.headers))
    body = json.loads(request.body)
    assert (body["event"], body["version"]) == ("issue.created", 1)
    assert body["project"] == {"id": busy.id, "name": "shop"}
    issue = body["issue"]
    assert issue["first_event_id"] == first
    assert (issue["message"], issue["exception_class"]) == ("boom", "E")
    assert (issue["level"], issue["environment"], issue["release"]) == ("error", "prod", "1")
    assert issue["fingerprint"]
    assert issue["first_seen"].endswith("Z")
    assert body["urls"]["event"].startswith("https://errors.example.com/dashboard/")
    assert first in body["urls"]["event"]
    (attempt,) = attempts(busy)
    assert (attempt.status, attempt.number, attempt.error) == (200, 1, "")
    assert attempt.message.webhook_id == webhook.id


def test_each_webhook_is_a_message_group_of_the_queue(busy: Project) -> None:
    ids = {webhooks.add(busy.id, f"https://example.com/{n}")[0].id for n in range(3)}
    call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": busy.key})
    with recorded() as seen:
        stream.deliver(stream.records())
    (sent,) = [each.parameters for each in seen if each.operation == "SendMessageBatch"]
    groups = {
        entry["MessageGroupId"]: store.parse_message(entry["MessageBody"]).webhook_id
        for entry in sent["Entries"]
    }
    assert groups == {each: each for each in ids}


def test_each_webhook_gets_its_own_message_under_one_id(busy: Project) -> None:
    with receiver() as one, receiver() as other:
        webhooks.add(busy.id, one.url)
        webhooks.add(busy.id, other.url)
        call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": busy.key})
        stream.deliver(stream.records())
        for message in messages():
            deliver(message)
        ids = [there.received[0].headers["webhook-id"] for there in (one, other)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    "character", ["x", "ж", "\U0001f600", "\x01", '"', "\\", "\ud800"], ids=ascii
)
def test_long_texts_in_any_alphabet_are_cut_and_queued_for_every_webhook(
    busy: Project, character: str
) -> None:
    for number in range(11):
        webhooks.add(busy.id, f"https://example.com/{number}")
    texts = ("message", "exception_class", "environment", "release", "fingerprint")
    ids = []
    for text in (dict.fromkeys(texts, character * 9000), {"message": "the next one"}):
        ids.append(call("POST", "/api/ingest", text, {"X-Api-Key": busy.key}).json["id"])
    with recorded() as seen:
        assert stream.deliver(stream.records()) == []
    calls = [each.parameters["Entries"] for each in seen if each.operation == "SendMessageBatch"]
    assert max(sum(len(each["MessageBody"]) for each in entries) for entries in calls) <= 262_144
    issues = [json.loads(message.body)["issue"] for message in messages()]
    assert sorted(issue["first_event_id"] for issue in issues) == sorted(ids * 11)
    for issue in issues:
        if issue["first_event_id"] == ids[0]:
            assert 4_093 <= len(issue["message"].encode()) <= 4_096


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_message_to_a_failing_webhook_is_attempted_four_times(
    busy: Project, clock: Clock, status: int
) -> None:
    with receiver(response(status)) as there:
        message, _, _ = one_message(busy, there.url)
        for pause in (10, 60, 300):
            assert deliver(message) == pause
            clock.advance(pause)
        assert deliver(message) is None
        assert deliver(message) is None, "the delivery is over"
        ids = {request.headers["webhook-id"] for request in there.received}
    assert len(ids) == 1
    assert [(each.number, each.status) for each in attempts(busy)] == [
        (n, status) for n in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    "behaviour", [response(503), response(429), reset, hang(3)], ids=["503", "429", "reset", "hang"]
)
def test_a_retry_sets_the_visibility_timeout_to_the_pause(
    busy: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch, behaviour: Any
) -> None:
    monkeypatch.setattr(
        post.post, "__kwdefaults__", {**(post.post.__kwdefaults__ or {}), "timeout_s": 0.3}
    )
    with receiver(behaviour, response(503, Retry_After="120"), behaviour) as there:
        webhook, _ = webhooks.add(busy.id, there.url)
        webhooks.test(busy.id, webhook.id)
        url = settings().webhook_queue_url
        (message,) = clients.sqs().receive_message(QueueUrl=url)["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
        }
        again = {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
        for pause in (10, 120, 300):
            with recorded() as seen:
                assert handler("webhook_dispatcher")({"Records": [record]}, None) == again
            (change,) = [each for each in seen if each.operation == "ChangeMessageVisibility"]
            assert change.parameters["VisibilityTimeout"] == pause
            assert change.parameters["ReceiptHandle"] == message["ReceiptHandle"]
            clock.advance(pause)
        over: dict[str, Any] = {"batchItemFailures": []}
        assert handler("webhook_dispatcher")({"Records": [record]}, None) == over
        assert len(there.received) == 4
    assert [each.number for each in attempts(busy)] == [1, 2, 3, 4]


def test_copies_of_a_message_make_no_further_attempts(busy: Project, clock: Clock) -> None:
    with receiver(response(503)) as there:
        message, _, _ = one_message(busy, there.url)
        assert [deliver(message), deliver(message)] == [10, 10]
        clock.advance(8.5)
        assert deliver(message) == 2
        clock.advance(1.5)
        assert [deliver(message), deliver(message)] == [60, 60]
        assert len(there.received) == 2
    assert [each.number for each in attempts(busy)] == [1, 2]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 422])
def test_a_redirect_or_client_error_ends_the_delivery(busy: Project, status: int) -> None:
    with receiver(response(status, Location="http://127.0.0.1:1/elsewhere")) as there:
        message, _, _ = one_message(busy, there.url)
        assert deliver(message) is None
        assert deliver(message) is None
        assert len(there.received) == 1
    assert [each.status for each in attempts(busy)] == [status]


@pytest.mark.parametrize(
    ("asked", "pause"),
    [("120", 120), ("5", 10), ("99999", 900), ("Wed, 21 Oct 2015 07:28:00 GMT", 10), ("soon", 10)],
)
def test_retry_after_is_honoured_up_to_fifteen_minutes(
    busy: Project, asked: str, pause: int
) -> None:
    with receiver(response(429, Retry_After=asked)) as there:
        message, _, _ = one_message(busy, there.url)
        assert deliver(message) == pause


@pytest.mark.parametrize(
    "asked",
    [
        "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Mon, 01 Jan 9999 00:00:00 GMT",
        "9" * 5_000,
        "\u0663",
        "-1",
        "",
    ],
)
def test_an_attempt_is_recorded_whatever_retry_after_says(busy: Project, asked: str) -> None:
    with receiver(response(503, Retry_After=asked.encode().decode("latin-1"))) as there:
        message, _, _ = one_message(busy, there.url)
        assert deliver(message) in (10, 900)
    assert [each.status for each in attempts(busy)] == [503]


@pytest.mark.parametrize("behaviour", [hang(3), drip(3), reset], ids=["hang", "drip", "reset"])
def test_a_delivery_without_a_response_is_retried(
    busy: Project, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The product waits 15 seconds; what is tested is that one deadline holds for everything.
    monkeypatch.setattr(
        post.post, "__kwdefaults__", {**(post.post.__kwdefaults__ or {}), "timeout_s": 0.3}
    )
    with receiver(behaviour) as there:
        message, _, _ = one_message(busy, there.url)
        assert deliver(message) == 10
    (attempt,) = attempts(busy)
    assert attempt.status is None
    assert attempt.error
    assert attempt.duration_ms < 2000


def test_a_huge_response_is_not_read(busy: Project) -> None:
    with receiver(huge) as there:
        message, _, _ = one_message(busy, there.url)
        assert deliver(message) is None
    assert [each.status for each in attempts(busy)] == [200]


def test_a_failed_tls_handshake_is_retried(busy: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        message, _, _ = one_message(busy, f"https://127.0.0.1:{plain.getsockname()[1]}/")

        def greet() -> None:
            peer, _ = plain.accept()
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.close()

        threading.Thread(target=greet, daemon=True).start()
        assert deliver(message) == 10
    assert "SSL" in attempts(busy)[0].error


def test_status_410_disables_a_webhook_and_missed_messages_can_be_redelivered(
    busy: Project, clock: Clock
) -> None:
    with receiver(response(410), response(200)) as there:
        message, webhook_id, _ = one_message(busy, there.url)
        assert deliver(message) is None
        webhook = webhooks.find(busy.id, webhook_id)
        assert webhook.disabled_at
        assert "410" in webhook.disabled_reason
        clock.advance(1)
        call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": busy.key})
        stream.deliver(stream.records())
        (missed,) = messages()
        assert deliver(missed) is None
        assert deliver(missed) is None
        assert len(there.received) == 1, "a disabled webhook gets nothing"
        found = attempts(busy)[1:]
        assert [(each.number, each.status, "disabled" in each.error) for each in found] == [
            (1, None, True)
        ]
        webhooks.test(busy.id, webhook_id)
        (test,) = messages()
        assert deliver(test) is None
        assert there.received[-1].headers["webhook-id"] == test.id, "but a test message is sent"
        assert webhooks.find(busy.id, webhook_id).disabled_at

        webhooks.enable(busy.id, webhook_id)
        assert webhooks.find(busy.id, webhook_id).disabled_at is None
        webhooks.redeliver_since(busy.id, minted_ms(found[0].id))
        for again in messages():
            deliver(again)
        assert missed.id in {request.headers["webhook-id"] for request in there.received}


def test_five_days_of_failures_without_a_success_disable_a_webhook(
    busy: Project, clock: Clock
) -> None:
    with receiver(response(500), response(500), response(200), response(500)) as there:
        webhook, _ = webhooks.add(busy.id, there.url)

        def once() -> bool:
            webhooks.test(busy.id, webhook.id)
            (message,) = messages()
            deliver(message)
            return webhooks.find(busy.id, webhook.id).disabled_at is not None

        assert not once()
        clock.days(4.9)
        assert not once()
        assert not once(), "a success"
        clock.days(1)
        assert not once(), "failing since now"
        clock.days(4.9)
        assert not once()
        clock.days(0.2)
        assert once()


def test_a_redelivery_keeps_the_id_and_counts_its_attempts_from_one(
    busy: Project, clock: Clock
) -> None:
    with receiver(response(404), response(500), response(200)) as there:
        message, _, _ = one_message(busy, there.url)
        deliver(message)
        clock.advance(1)
        webhooks.redeliver(busy.id, attempts(busy)[0].id)
        (again,) = messages()
        assert deliver(again) == 10
        clock.advance(1)
        webhooks.redeliver_since(busy.id, 0)
        (once_more,) = messages()
        assert deliver(once_more) is None
        assert {request.headers["webhook-id"] for request in there.received} == {message.id}
    assert [(each.number, each.status) for each in attempts(busy)] == [(1, 404), (1, 500), (1, 200)]


def test_a_receiver_that_dedupes_sees_each_issue_once(busy: Project) -> None:
    with receiver(response(500), response(404), response(200)) as there:
        webhooks.add(busy.id, there.url)
        for number in range(3):
            call("POST", "/api/ingest", {"message": f"boom {number}"}, {"X-Api-Key": busy.key})
        # The stream is delivered twice, and so are all messages.
        with refusing("TransactWriteItems", "ProvisionedThroughputExceededException"):
            assert stream.deliver(stream.records()) != []
        assert stream.deliver(stream.records()) == []
        waiting = messages()
        assert len(waiting) > 3
        for message in [*waiting, *waiting]:
            deliver(message)
        webhooks.redeliver(busy.id, attempts(busy)[0].id)
        webhooks.redeliver_since(busy.id, 0)
        for message in messages():
            deliver(message)
        sent = {
            request.headers["webhook-id"]: json.loads(request.body)["issue"]["message"]
            for request in there.received
        }
        assert len(there.received) > 6
    assert sorted(sent.values()) == ["boom 0", "boom 1", "boom 2"]


def test_bad_urls_and_types_are_refused_with_the_reason(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        webhooks.add(busy.id, "ftp://example.com", ["issue.exploded"])
    assert set(refused.value.errors) == {"url", "event"}
    with pytest.raises(InvalidInputError, match="between dots"):
        webhooks.add(busy.id, "https://a..b/")
    with pytest.raises(NotFoundError):
        webhooks.add("404", "https://example.com")
    assert projects.find_project(busy.id)


def test_the_dispatcher_s_role_allows_deliveries_but_not_reading_keys(
    busy: Project, clock: Clock
) -> None:
    with receiver(response(503), response(410)) as there:
        for _ in range(2):
            webhooks.add(busy.id, there.url)
        call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": busy.key})
        stream.deliver(stream.records())
        records = queued()
        with calling_as("WebhookDispatcherFunction"):
            for record in records:
                handler("webhook_dispatcher")({"Records": [record]}, None)
                clock.advance(1)
            with pytest.raises(AssertionError, match="may not dynamodb:GetItem"):
                projects.find_key("0" * 64)
    assert [each.status for each in attempts(busy)] == [503, 410]


def test_one_bad_message_does_not_fail_the_rest_of_its_batch(busy: Project) -> None:
    with receiver() as there:
        webhook, _ = webhooks.add(busy.id, there.url)
        webhooks.test(busy.id, webhook.id)
        records = queued()
        broken = {"messageId": "m2", "receiptHandle": "r", "body": "{}"}
        result = handler("webhook_dispatcher")({"Records": [broken, *records]}, None)
        assert len(there.received) == 1
    assert result == {"batchItemFailures": [{"itemIdentifier": "m2"}]}


def test_an_error_while_postponing_a_message_does_not_fail_the_batch(busy: Project) -> None:
    with receiver(response(503), response(200)) as there:
        webhook, _ = webhooks.add(busy.id, there.url)
        for _ in range(3):
            webhooks.test(busy.id, webhook.id)
        records = queued()
        with refusing("ChangeMessageVisibility", "ThrottlingException"):
            result = handler("webhook_dispatcher")({"Records": records}, None)
        assert len(there.received) == 3
    assert len(result["batchItemFailures"]) == 1


def test_a_batch_is_attempted_in_parallel(busy: Project) -> None:
    function = template.of_type("AWS::Serverless::Function")["WebhookDispatcherFunction"]
    (event,) = function["Events"].values()
    size = event["Properties"]["BatchSize"]
    # Breaks, and leaves the senders without a response, unless all messages arrive together.
    together = threading.Barrier(size)

    def wait_for_all(request: BaseHTTPRequestHandler) -> None:
        together.wait(timeout=5)
        response(503)(request)

    with receiver(wait_for_all) as there:
        webhook, _ = webhooks.add(busy.id, there.url)
        for _ in range(size):
            webhooks.test(busy.id, webhook.id)
        records = queued()
        result = handler("webhook_dispatcher")({"Records": records}, None)
    assert [each.status for each in attempts(busy)] == [503] * size
    # All are retried, and the function has not failed.
    again = sorted(each["itemIdentifier"] for each in result["batchItemFailures"])
    assert again == sorted(record["messageId"] for record in records)


def test_digest_that_is_interrupted_between_message_and_commit_loses_no_message(
    busy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.add(busy.id, "https://example.com/hook")
    call("POST", "/api/ingest", {"message": "boom"}, {"X-Api-Key": busy.key})
    client = clients.dynamodb()
    with monkeypatch.context() as patch:

        def cut_off(**_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(client, "transact_write_items", cut_off)
        with pytest.raises(KeyboardInterrupt):
            stream.deliver(stream.records())
    stream.deliver(stream.records())
    assert len({message.id for message in messages()}) == 1
