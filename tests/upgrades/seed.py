"""Fill an empty deployment through its endpoints, its command and its queues.

Every step is one that a client, an operator or AWS takes. A step that nobody outside can take (a
record in the stream, a message in a queue) goes through the handler that takes it.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from errata.config import settings
from errata.store import clients, members
from tests.integration.test_losses import batch
from tests.support import sdk, stream
from tests.support.account import QUEUES, Clock, Project
from tests.support.browser import signed_in
from tests.support.calls import fault, throttled
from tests.support.cli import done
from tests.support.clients import ingest, php
from tests.support.fresh import clear_cache
from tests.support.gateway import Response, authorize, call, handler, request
from tests.support.receiver import Receiver
from tests.support.stripe import stripe_signature

type Item = dict[str, Any]

# The time of the dump: in the middle of a month, as quotas count by month.
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
OWNER = "ada@example.com"
MEMBER = "grace@example.com"
FORGETFUL = "alan@example.com"
ALLOWED, ELSEWHERE = "192.0.2.7", "203.0.113.9"
CUSTOMER, INVOICE = "cus_Q1w2E3", "https://invoice.stripe.com/i/acct_1/test_1"
STRIPE_SECRET_NAME, STRIPE_SECRET = "/errata/stripe", "whsec_test"
# Paths at the receiver, by how it answers.
HOOKS = {"working": "/working", "failing": "/failing", "gone": "/gone"}


class Seed:
    """A deployment that is being filled, and the ids and keys that tests need."""

    def __init__(self, clock: Clock, there: Receiver, lines: list[str]) -> None:
        self.clock = clock
        self.there = there
        self.lines = lines
        self.projects: dict[str, Project] = {}
        self.named: dict[str, Any] = {}  # ids, keys and cookies, by what they are
        self.in_flight: list[Item] = []  # records of new events
        self.digested: list[Item] = []  # the last batch that digest has had
        self.cleanup: list[Item] = []  # records that cleanup has not had
        self.queues: dict[str, list[str]] = {name: [] for name in QUEUES.values()}
        self.callers: list[Item] = []
        self.retried: list[str] = []  # bodies of messages whose next attempt is due later
        self._seen: set[str] = set()
        self._sequence = 1000

    def at(self, before: timedelta) -> None:
        """Set the clock to `before` the time of the dump, and act as a new process."""
        self.clock.ns = int((NOW - before).timestamp()) * 10**9
        clear_cache()

    def project(self, name: str, *options: str) -> Project:
        """Create a project. Its API key and DSN have gateway keys."""
        created = done("projects", "create", name, *options, "--json").json
        public = created["dsn"].split("//")[1].split("@")[0]
        self.projects[name] = Project(created["id"], created["api_key"], public)
        return self.projects[name]

    def send(self, project: Project, *events: Item, **headers: str) -> list[str]:
        """Post events, one second apart, and return their ids. All must be accepted."""
        ids = []
        for event in events:
            accepted = ingest(project, event, **headers)
            assert accepted.status == 202, accepted.text
            ids.append(accepted.json["id"])
            self.clock.advance(1)
        return ids

    def new_records(self) -> list[Item]:
        """Return the stream records of the events stored since the last call."""
        found = []
        for item in stream.stored_events():
            key = f"{item['pk']['S']} {item['sk']['S']}"
            if key not in self._seen:
                self._seen.add(key)
                self._sequence += 1
                found.append(stream.record(item, self._sequence))
        return found

    def digest(self) -> None:
        """Pass the new events to digest."""
        self.digested = self.new_records()
        assert stream.deliver(self.digested) == []

    def queued(self, logical_id: str) -> list[Item]:
        """Receive the messages of a queue, in the form that Lambda passes to a function."""
        (url,) = (
            getattr(settings(), setting.lower())
            for setting, name in QUEUES.items()
            if name == logical_id
        )
        found = []
        while messages := clients.sqs().receive_message(QueueUrl=url).get("Messages"):
            for message in messages:
                found.append(
                    {
                        "messageId": message["MessageId"],
                        "receiptHandle": message["ReceiptHandle"],
                        "body": message["Body"],
                    }
                )
                clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def dispatch(self) -> None:
        """Attempt every queued message, one at a time."""
        url = settings().webhook_queue_url
        while messages := clients.sqs().receive_message(QueueUrl=url).get("Messages"):
            (message,) = messages
            handle = message["ReceiptHandle"]
            record = {
                "messageId": message["MessageId"],
                "receiptHandle": handle,
                "body": message["Body"],
            }
            answer = handler("webhook_dispatcher")({"Records": [record]}, None)
            self.retried += [message["Body"]] * len(answer["batchItemFailures"])
            clients.sqs().delete_message(QueueUrl=url, ReceiptHandle=handle)

    def state_record(self, project: Project, prefix: str) -> Item:
        """The stream's record of a clear (`clear`) or of an issue's deletion (`delete#`)."""
        pages = clients.dynamodb().scan(
            TableName=settings().events_table,
            FilterExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={
                ":pk": {"S": f"{project.id}#state"},
                ":prefix": {"S": prefix},
            },
        )
        (item,) = pages["Items"]
        self._sequence += 1
        return stream.record(item, self._sequence)

    def issue(self, project: Project, title: str) -> str:
        """Return the id of the issue with this title."""
        listed = done("issues", "list", project.id, "--search", title, "--json").json
        (found,) = (each["id"] for each in listed if each["title"].endswith(title))
        return str(found)


def boom(message: str, **fields: Any) -> Item:
    """Return an event with most of the possible fields."""
    return {
        "message": message,
        "exception_class": "ShopError",
        "file": "shop/cart.py",
        "line": 12,
        "stack_trace": 'Traceback:\n  File "shop/cart.py", line 12, in total',
        "level": "error",
        "environment": "production",
        "release": "1.0.0",
        "server_name": "web-1",
        "user": {"id": "7", "email": "customer@example.com"},
        "breadcrumbs": [{"message": "opened the cart", "category": "ui"}],
        "context": {"cart": {"items": 3}},
        **fields,
    }


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """The lines that the functions log meanwhile, as Lambda's JSON format has them."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.dumps({"level": record.levelname, "message": record.getMessage()}))

    logger, keeping = logging.getLogger("errata"), Lines()
    logger.addHandler(keeping)
    try:
        yield lines
    finally:
        logger.removeHandler(keeping)


def fill(seed: Seed) -> None:
    """Fill the deployment, from six weeks ago until now."""
    organizations(seed)
    long_ago(seed)
    issues(seed)
    given_up_batch(seed)
    legacy(seed)
    sdks(seed)
    webhooks(seed)
    policies(seed)
    losses(seed)
    people(seed)
    cleared(seed)
    in_flight(seed)
    dead_letters(seed)
    callers(seed)


def organizations(seed: Seed) -> None:
    """Organizations, people, teams, projects and keys."""
    seed.at(timedelta(days=42))
    clients.ssm().put_parameter(Name=STRIPE_SECRET_NAME, Value=STRIPE_SECRET, Type="SecureString")
    for name in ("Limited", "Fenced", "Unpaid"):
        seed.named[name] = done("orgs", "create", name, "--json").json["id"]
    done("members", "add", "default", OWNER, "--role", "owner", "--json")
    team = done("teams", "create", "default", "Web", "--json").json["id"]
    seed.named["team"] = team
    done("members", "add", "default", MEMBER, "--role", "member", "--team", team, "--json")
    done("members", "add", seed.named["Limited"], OWNER, "--role", "admin", "--json")
    done("members", "add", "default", FORGETFUL, "--role", "admin", "--json")
    shop = seed.project("shop", "--team", team)
    seed.project("short")
    done("projects", "set", seed.projects["short"].id, "--retention-days", "7", "--json")
    seed.project("fast")
    done("projects", "set", seed.projects["fast"].id, "--rate-limit", "6000", "--json")
    for name in ("sdks", "hooks", "backlog", "cleared", "removed"):
        seed.project(name)
    seed.project("limited", "--org", seed.named["Limited"])
    seed.project("fenced", "--org", seed.named["Fenced"])
    seed.project("unpaid", "--org", seed.named["Unpaid"])
    second = done("keys", "create", shop.id, "--label", "web", "--json").json
    seed.named["second key"] = second["api_key"]
    done("keys", "create", shop.id, "--label", "page", "--dsn", "--json")
    revoked = done("keys", "create", shop.id, "--label", "old", "--json").json
    done("keys", "revoke", shop.id, revoked["id"], "--json")
    seed.named["revoked key"] = revoked["api_key"]


def long_ago(seed: Seed) -> None:
    """Events that have expired: DynamoDB deletes them up to days later."""
    seed.at(timedelta(days=40))
    seed.send(seed.projects["shop"], boom("expired in the shop"))
    seed.at(timedelta(days=9))
    seed.send(seed.projects["short"], boom("expired by the short retention"))
    seed.digest()
    seed.at(timedelta(days=3))
    seed.send(seed.projects["short"], boom("kept by the short retention"))
    seed.digest()


def issues(seed: Seed) -> None:
    """Issues of every status, and one that was deleted."""
    shop = seed.projects["shop"]
    seed.at(timedelta(days=3))
    titles = ("open", "resolved", "ignored", "regressed", "reopened", "deleted")
    for title in titles:
        seed.send(shop, *[boom(title, fingerprint=title, user={"id": str(n)}) for n in range(3)])
    # More than a page of the dashboard and of the read API.
    many = [boom("many", fingerprint="many", release=f"1.{n % 3}.0") for n in range(25)]
    seed.send(shop, *many)
    seed.digest()
    ids = {title: seed.issue(shop, title) for title in (*titles, "many")}
    seed.named["issues"] = ids
    for title in ("resolved", "regressed"):
        done("issues", "resolve", shop.id, ids[title], "--json")
    done("issues", "ignore", shop.id, ids["ignored"], "--json")
    done("issues", "ignore", shop.id, ids["reopened"], "--json")
    done("issues", "reopen", shop.id, ids["reopened"], "--json")
    done("issues", "delete", shop.id, ids["deleted"], "--yes", "--json")
    handler("cleanup")({"Records": [seed.state_record(shop, "delete#")]}, None)
    seed.at(timedelta(days=2))
    seed.send(shop, boom("regressed", fingerprint="regressed", release="1.1.0"))
    seed.send(shop, boom("staging", environment="staging", level="warning"))
    seed.send(shop, boom("trimmed", context={"noise": _noise(900_000)}))
    seed.digest()
    body = boom("once", fingerprint="once")
    seed.send(shop, body, idempotency_key="expired")
    seed.at(timedelta(hours=1))
    seed.named["once"] = {
        "body": body,
        "key": "order-1",
        "id": seed.send(shop, body, idempotency_key="order-1")[0],
    }
    assert ingest(shop, body, idempotency_key="order-1").status == 202
    assert ingest(shop, boom("another"), idempotency_key="order-1").status == 202
    with_key = {**boom("the key is in the body", fingerprint="once"), "api_key": shop.key}
    assert call("POST", "/api/v1/ingest", with_key).status == 202
    seed.digest()


def _noise(length: int) -> str:
    """Return text that does not compress."""
    return "".join(Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def given_up_batch(seed: Seed) -> None:
    """Leave a batch that Lambda no longer retries: its events are stored and not counted."""
    backlog = seed.projects["backlog"]
    seed.at(timedelta(days=2))
    first_ms = seed.clock.ms
    seed.send(backlog, *[boom("given up", fingerprint="given up") for _ in range(5)])
    records = seed.new_records()

    def time_of(ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S.000}Z"

    table = "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable"
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001",
            "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": time_of(first_ms),
            "approximateArrivalOfLastRecord": time_of(seed.clock.ms),
            "batchSize": len(records),
            "streamArn": f"{table}/stream/2026-11-01T00:00:00.000",
        },
    }
    seed.queues["DigestDeadLetterQueue"].append(json.dumps(body))


def legacy(seed: Seed) -> None:
    """A script's project: errors, a clear that is done, and errors after it."""
    seed.at(timedelta(days=1))
    key = php(action="generate", name="script").json["hash"]
    own = "0123456789abcdef0123456789abcdef"
    for name, each in (("script", key), ("own key", own)):
        for n in range(4):
            submitted = call("POST", "/api.php", _error(each, f"before the clear {n}"))
            assert submitted.json == {"ok": True, "id": n + 1}
            seed.clock.advance(1)
        listed = done("projects", "list", "--unclaimed", "--json").json
        newest = max(listed, key=lambda project: int(project["id"]))
        seed.projects[name] = Project(newest["id"], each)
    seed.digest()
    seed.at(timedelta(hours=20))
    assert php(action="clear", hash=key).json == {"ok": True, "deleted": 4}
    stream.cleaned(seed.projects["script"].id)
    for n in range(3):
        call("POST", "/api.php", _error(key, f"after the clear {n}", line=n, url="/cart"))
        seed.clock.advance(1)
    seed.digest()


def _error(key: str, message: str, **fields: Any) -> Item:
    return {"hash": key, "level": "Warning", "message": message, **fields}


def sdks(seed: Seed) -> None:
    """Events of SDKs: prompt, late, without an id, sent twice; and client reports."""
    project = seed.projects["sdks"]
    seed.at(timedelta(hours=2))
    prompt = {**sdk.event(), "event_id": "a" * 32}
    late = {**sdk.event(), "event_id": "b" * 32, "timestamp": seed.clock.ms / 1000 - 600}
    for sent in (prompt, late):
        assert sdk.post(project, sdk.of_event(sent)).status == 200
        clear_cache()
        assert sdk.post(project, sdk.of_event(sent)).status == 200
    stored = {**sdk.event(message="stored"), "event_id": "c" * 32}
    assert sdk.post(project, json.dumps(stored).encode(), "store/").status == 200
    unnamed = {name: value for name, value in sdk.event().items() if name != "event_id"}
    assert sdk.post(project, json.dumps(unnamed).encode(), "store/").status == 200
    report = {
        "discarded_events": [{"reason": "queue_overflow", "category": "error", "quantity": 4}]
    }
    body = sdk.envelope(sdk.item("client_report", report), sdk.item("session", {}))
    assert sdk.post(project, body).status == 200
    seed.named["sdk events"] = {"prompt": prompt, "late": late}
    seed.digest()


def webhooks(seed: Seed) -> None:
    """Webhooks that work, that fail and are due again, and that are gone; with their deliveries."""
    hooks = seed.projects["hooks"]
    seed.at(timedelta(minutes=30))
    base = seed.there.url.removesuffix("/hook")
    for name, path in HOOKS.items():
        added = done("webhooks", "add", hooks.id, base + path, "--json").json
        seed.named[f"webhook {name}"] = {"id": added["id"], "secret": added["secret"]}
    working = seed.named["webhook working"]["id"]
    rotated = done("webhooks", "rotate", hooks.id, working, "--json").json
    seed.named["webhook working"]["rotated"] = rotated["secret"]
    seed.send(hooks, boom("delivered", fingerprint="delivered"))
    seed.digest()
    seed.dispatch()
    assert [each["status"] for each in done("webhooks", "attempts", hooks.id, "--json").json]


def policies(seed: Seed) -> None:
    """A quota that is partly used, an allowlist, an invoice that is not paid."""
    seed.at(timedelta(minutes=20))
    limited, fenced, unpaid = (seed.projects[name] for name in ("limited", "fenced", "unpaid"))
    done("orgs", "set", seed.named["Limited"], "--monthly-quota", "10", "--json")
    done("orgs", "set", seed.named["Fenced"], "--allowlist", "192.0.2.0/24,2001:db8::/32", "--json")
    done("orgs", "set", seed.named["Unpaid"], "--stripe-customer", CUSTOMER, "--json")
    clear_cache()
    seed.send(limited, *[boom("within the quota") for _ in range(6)])
    key = {"X-Api-Key": fenced.key}
    assert call("POST", "/api/ingest", boom("from inside"), key, ip=ALLOWED).status == 202
    assert call("POST", "/api/ingest", boom("from outside"), key, ip=ELSEWHERE).status == 403
    seed.send(unpaid, boom("before the invoice"))
    assert _stripe(seed, "invoice.payment_failed").json == {"received": True}
    clear_cache()
    assert ingest(unpaid, boom("not paid")).status == 402
    seed.digest()


def _stripe(seed: Seed, kind: str) -> Response:
    about = {
        "id": "in_1",
        "object": "invoice",
        "customer": CUSTOMER,
        "hosted_invoice_url": INVOICE,
        "amount_due": 2900,
        "currency": "eur",
    }
    event = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.basil",
        "created": seed.clock.ms // 1000,
        "livemode": False,
        "pending_webhooks": 1,
        "type": kind,
        "data": {"object": about},
    }
    text = json.dumps(event)
    # Stripe's package goes by the real time.
    signature = stripe_signature(text, STRIPE_SECRET, int(time.time()))
    return call("POST", "/api/billing/stripe", text.encode(), {"Stripe-Signature": signature})


def losses(seed: Seed) -> None:
    """Refused events, counted by the ledger; its batch is kept to come once more."""
    shop = seed.projects["shop"]
    seed.at(timedelta(minutes=15))
    for wrong in ({"message": 5}, [1], b"{"):
        assert ingest(shop, wrong).status == 422
    counted = batch(seed.lines, seed.clock.ms)
    handler("ledger")(counted, None)
    throttled_line = {
        "method": "POST",
        "status": "429",
        "error": "THROTTLED",
        "project": shop.id,
    }
    later = batch([json.dumps(throttled_line)] * 2, seed.clock.ms)
    seed.queues["LedgerDeadLetterQueue"] += [json.dumps(counted), json.dumps(later)]


def people(seed: Seed) -> None:
    """Sign-ins that last, and one that was ended."""
    seed.at(timedelta(minutes=10))
    for email in (OWNER, MEMBER):
        browser = signed_in(email)
        seed.named[f"cookies of {email}"] = browser.cookies
    # A password that was forgotten ends what was begun before.
    ended = signed_in(FORGETFUL)
    seed.named[f"cookies of {FORGETFUL}"] = ended.cookies
    seed.clock.advance(1)
    members.sign_out(FORGETFUL, seed.clock.ms)


def cleared(seed: Seed) -> None:
    """A clear just now, with events near its watermark; a project and an issue just deleted."""
    project, shop = seed.projects["cleared"], seed.projects["shop"]
    seed.send(seed.projects["removed"], boom("of a removed project"))
    seed.digest()
    done("projects", "delete", seed.projects["removed"].id, "--yes", "--json")
    seed.cleanup.append(seed.state_record(seed.projects["removed"], "clear"))
    seed.at(timedelta(minutes=5))
    seed.send(shop, *[boom("being deleted", fingerprint="being deleted") for _ in range(2)])
    seed.digest()
    being_deleted = seed.issue(shop, "being deleted")
    done("issues", "delete", shop.id, being_deleted, "--yes", "--json")
    seed.cleanup.append(seed.state_record(shop, "delete#"))
    for seconds in (90, 25, 12):
        seed.at(timedelta(seconds=seconds))
        call("POST", "/api.php", _error(project.key, f"cleared, {seconds} s before"))
        seed.send(project, boom("cleared", fingerprint="cleared"))
        seed.digest()
    # Not digested before the clear: it must not be counted after it.
    seed.send(project, boom("cleared before it was digested", fingerprint="cleared"))
    seed.in_flight += seed.new_records()
    seed.at(timedelta(seconds=8))
    assert php(action="clear", hash=project.key).json["deleted"] == 3
    seed.cleanup.append(seed.state_record(project, "clear"))
    seed.clock.advance(1)
    seed.send(project, boom("after the clear", fingerprint="cleared"))
    seed.digest()


def in_flight(seed: Seed) -> None:
    """Events that are stored and not digested; messages that wait to be delivered."""
    shop, hooks = seed.projects["shop"], seed.projects["hooks"]
    seed.at(timedelta(seconds=5))
    seed.send(hooks, boom("in flight to a webhook", fingerprint="message in flight"))
    seed.digest()
    seed.queues["WebhookQueue"] += [each["body"] for each in seed.queued("WebhookQueue")]
    seed.queues["WebhookQueue"] += seed.retried
    done("webhooks", "test", hooks.id, seed.named["webhook working"]["id"], "--json")
    # What SQS moves there is the message as it was.
    letters = [each["body"] for each in seed.queued("WebhookQueue")]
    seed.queues["WebhookDeadLetterQueue"] += letters
    seed.send(shop, boom("open", fingerprint="open"), boom("new in flight", fingerprint="new"))
    script = seed.projects["script"].key
    assert call("POST", "/api.php", _error(script, "in flight")).json == {"ok": True, "id": 8}
    sent = {**sdk.event(), "event_id": "d" * 32}
    assert sdk.post(seed.projects["sdks"], sdk.of_event(sent)).status == 200
    seed.in_flight += seed.new_records()


def dead_letters(seed: Seed) -> None:
    """Put messages of digest and Lambda into the other dead-letter queues."""
    shop = seed.projects["shop"]
    seed.send(shop, boom("dead-lettered", fingerprint="dead-lettered"))
    (record,) = seed.new_records()
    broken = json.loads(json.dumps(record))
    broken["dynamodb"]["NewImage"]["payload"] = {"B": "bm90IHpsaWI="}
    assert stream.deliver([broken]) == []
    letters = seed.queued("DigestDeadLetterQueue")
    seed.queues["DigestDeadLetterQueue"] += [each["body"] for each in letters]
    (given_up,) = (
        json.loads(each) for each in seed.queues["DigestDeadLetterQueue"] if "DDBStream" in each
    )
    seed.queues["CleanupDeadLetterQueue"].append(json.dumps(given_up))


def callers(seed: Seed) -> None:
    """Record what the authorizer passes to the functions, for each kind of key."""
    # New gateway keys meter once they are settled, so the first project's do.
    seed.at(timedelta(0))
    projects = seed.projects
    shop, fenced, other = projects["shop"], projects["fenced"], projects["script"]
    ingest_, read = "/api/ingest", f"/api/projects/{shop.id}/events"
    envelope = f"/api/{projects['sdks'].id}/envelope"
    dsn = {"X-Sentry-Auth": f"Sentry sentry_key={projects['sdks'].public}"}
    event = json.dumps(boom("by the other's context")).encode()
    in_body = json.dumps({**boom("key in the body"), "api_key": shop.key}).encode()
    sent = sdk.of_event({**sdk.event(), "event_id": "e" * 32})
    kinds: list[tuple[str, str, str, bytes, dict[str, str], str]] = [
        ("metered by the gateway", "POST", ingest_, event, {"X-Api-Key": shop.key}, ELSEWHERE),
        ("metered by the handler", "POST", ingest_, event, {"X-Api-Key": other.key}, ELSEWHERE),
        ("bearer", "GET", read, b"", {"Authorization": f"Bearer {shop.key}"}, ELSEWHERE),
        ("allowed", "POST", ingest_, event, {"X-Api-Key": fenced.key}, ALLOWED),
        ("forbidden", "POST", ingest_, event, {"X-Api-Key": fenced.key}, ELSEWHERE),
        ("quota", "POST", ingest_, event, {"X-Api-Key": projects["limited"].key}, ELSEWHERE),
        ("unpaid", "POST", ingest_, event, {"X-Api-Key": projects["unpaid"].key}, ELSEWHERE),
        (
            "retention",
            "GET",
            f"/api/projects/{projects['short'].id}/events",
            b"",
            {"X-Api-Key": projects["short"].key},
            ELSEWHERE,
        ),
        ("another project's", "GET", read, b"", {"X-Api-Key": other.key}, ELSEWHERE),
        ("DSN", "POST", envelope, sent, dsn, ELSEWHERE),
        (
            "API key as DSN",
            "POST",
            envelope,
            sent,
            {"X-Sentry-Auth": f"Sentry sentry_key={shop.key}"},
            ELSEWHERE,
        ),
        ("unknown", "POST", ingest_, event, {"X-Api-Key": "nobody's"}, ELSEWHERE),
        ("revoked", "POST", ingest_, event, {"X-Api-Key": seed.named["revoked key"]}, ELSEWHERE),
        ("absent", "POST", ingest_, event, {}, ELSEWHERE),
        ("in the body", "POST", ingest_, in_body, {}, ELSEWHERE),
        ("empty", "POST", ingest_, event, {"X-Api-Key": ""}, ELSEWHERE),
        ("unavailable", "POST", ingest_, event, {"X-Api-Key": shop.key}, ELSEWHERE),
    ]
    for kind, method, url, body, headers, ip in kinds:
        clear_cache()
        event_ = request(method, url, body, headers, ip)
        if kind == "unavailable":
            with fault(1, throttled):
                verdict = authorize(event_)
        else:
            verdict = authorize(event_)
        seed.callers.append({"kind": kind, "event": event_, "verdict": verdict})
