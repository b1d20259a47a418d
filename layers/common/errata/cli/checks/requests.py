"""What a client of the API, or a user of the dashboard, would notice: requests over HTTP.

The order matters. The first checks need nothing. The burst comes late, because it uses up the rate
limit of the key.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

from errata.cli import aws_failures
from errata.cli.checks import dashboard, network
from errata.cli.checks.base import Check, Deployment, Finding, finding, run
from errata.cli.checks.client import CutOffError, EndpointResponse
from errata.cli.checks.trial import Trial, trial
from errata.cli.failures import explain
from errata.errors import ErrataError, NoResponseError
from errata.models.ids import new_event_id, now_ms
from errata.store import tables
from errata.usecases import issues, loss_ledger, projects

_MESSAGE = "sent by errata doctor"
# How long digest and the loss ledger may take. They are asynchronous.
_COUNTED_S = 30.0
_LEDGER_S = 120.0
_POLL_S = 1.0
# Enough to exceed the rate limit of the project, also on a slow connection.
_MOST_BURST = 100
_MB = 1_000_000
_LARGE = (5 * _MB, 11 * _MB)
_FORBIDDEN = (
    "If a policy of your organization in AWS forbids public function URLs, deploy with"
    " SdkEndpoint=gateway. Otherwise look at the allowlist of the default organization."
)


def send_all(deployment: Deployment, url: str, patience_s: float, mail: str) -> Iterator[Check]:
    """Make the checks that send requests. They use a temporary project."""
    name = "temporary project"
    try:
        if tables.find_restore():
            return  # requests would change what is being restored; another check says so
        with trial(deployment, url, patience_s, mail) as running:
            yield from _checks(running)
    except (ErrataError, *aws_failures.FAILURES) as error:
        reason = " ".join(explain(error, deployment.local))
        remedy = (
            "Fix that and run it again: it deletes what is left. Without requests, errata doctor"
            " --read-only needs only permissions to read."
        )
        yield Check(name, False, f"It was not created, or not deleted: {reason}", remedy)
    else:
        yield Check(name, True, f"created and deleted, {len(running.accepted)} events stored")


def _checks(running: Trial) -> Iterator[Check]:
    local = running.deployment.local
    for each in run({"routes": _routes}, running, local=local):
        yield each
        if not each.ok and not running.client.reached:
            return  # no other request would get a response
    yield from run(REQUESTS, running, local=local)


def _routes(running: Trial) -> Iterator[Finding]:
    try:
        unknown = running.client.get("/api/errata-doctor", wanted=(404,))
    except NoResponseError as error:
        yield Finding(str(error), _reach(running), ok=False)
        return
    yield finding(
        unknown.status == 404 and unknown.json.get("message") == "No such route.",
        "404 for no route",
        f"An unknown route gets {unknown}, not Errata's 404.",
        _deploy_api(running),
    )
    for path in ("/api/ingest", "/api.php"):
        asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
        allowed = running.client.send("OPTIONS", path, headers=asked, wanted=(200,))
        yield finding(
            allowed.status == 200 and "access-control-allow-methods" in allowed.headers,
            f"CORS at {path}",
            f"Browsers may not call {path}: OPTIONS gets {allowed} without CORS headers.",
            _deploy_api(running),
        )


def _reach(running: Trial) -> str:
    outputs = {
        each["OutputKey"]: each["OutputValue"] for each in running.deployment.description["Outputs"]
    }
    if target := outputs.get("DomainTarget"):
        name = running.deployment.parameters.get("DomainName")
        return f"Point the CNAME of {name} to {target}. DNS may need an hour to follow."
    return "Check that this machine can reach this address. --url sets another one."


def _no_key(running: Trial) -> Iterator[Finding]:
    refused = running.client.post("/api/ingest", _event(), wanted=(401,))
    yield finding(
        refused.status == 401 and refused.json.get("message") == "Missing or invalid API key.",
        "401 without a key",
        f"A request without a key gets {refused}, not Errata's 401.",
        running.log("AuthorizerLogs"),
    )


def _ingest(running: Trial) -> Iterator[Finding]:
    key = {"X_Api_Key": running.key}
    once = {**key, "Idempotency_Key": new_event_id(now_ms())}
    first = running.client.post("/api/ingest", _event(), wanted=(202,), **once)
    yield _accepted(running, first, "An event", "202", "IngestLogs")
    if first.status != 202:
        return
    yield finding(
        first.headers.get("access-control-allow-origin") == "*",
        "CORS",
        "Browsers may not read the response: it has no CORS header.",
        f"Deploy this release: {running.deployment.make_deploy()}",
    )
    again = running.client.post("/api/ingest", _event(), wanted=(202,), **once)
    yield finding(
        again.json == first.json and again.headers.get("idempotency-replayed") == "true",
        "replayed",
        f"The same Idempotency-Key again gets {again}, not the first response.",
        running.log("IngestLogs"),
    )
    body = gzip.compress(_event())
    packed = running.client.post("/api/ingest", body, wanted=(202,), Content_Encoding="gzip", **key)
    yield _accepted(running, packed, "An event in gzip", "gzip", "IngestLogs")


def _reading(running: Trial) -> Iterator[Finding]:
    if not running.accepted:
        return
    path = f"/api/projects/{running.project_id}/events"
    page = running.client.get(path, X_Api_Key=running.key)
    read = {each["id"] for each in page.json.get("data", [])}
    yield finding(
        page.status == 200 and set(running.accepted) <= read,
        "at once",
        f"Events that were accepted are not read back: {page}",
        _remedy(running, page, "ReadEventsLogs"),
    )


def _bad_bodies(running: Trial) -> Iterator[Finding]:
    key = {"X_Api_Key": running.key}
    for name, body in (("not UTF-8", b'{"message": "\xff"}'), ("not valid", b'{"message": 5}')):
        refused = running.client.post("/api/ingest", body, wanted=(422,), **key)
        if refused.status == 422:
            running.lost.add("invalid")
        yield finding(
            refused.status == 422 and bool(refused.json.get("errors")),
            f"422 if {name}",
            f"A body that is {name} gets {refused}, not 422 and the reason.",
            _remedy(running, refused, "IngestLogs"),
        )
    for size in _LARGE:
        name = f"{size // _MB} MB"
        body = b'{"message": "' + b"x" * size + b'"}'
        try:
            refused = running.client.post("/api/ingest", body, wanted=(413,), **key)
        except CutOffError:
            # API Gateway takes 10 MB, and need not read more before it closes the connection.
            yield finding(
                size > 10 * _MB, f"{name} cut off", f"{name} is cut off.", _reach(running)
            )
            continue
        yield finding(
            refused.status == 413 and bool(refused.json.get("message")),
            f"413 for {name}",
            f"A body of {name} gets {refused}, not Errata's 413.",
            _remedy(running, refused, "IngestLogs"),
        )


def _sdks(running: Trial) -> Iterator[Finding]:
    stack = running.deployment.stack
    # With --url, all requests go there.
    base = stack.sdk_url if running.client.url == stack.api_url else ""
    for path in ("envelope/", "envelope"):
        event_id = new_event_id(now_ms()).replace("-", "")
        event = json.dumps({"event_id": event_id, "message": _MESSAGE, "level": "info"})
        parts = [json.dumps({"event_id": event_id}), '{"type":"event"}', event, ""]
        sent = running.client.post(
            f"{base}/api/{running.project_id}/{path}?sentry_key={running.public}&sentry_version=7",
            "\n".join(parts).encode(),
            Content_Type="application/x-sentry-envelope",
        )
        if base and sent.status == 403:
            yield Finding(f"The SDK endpoint's URL gets {sent}.", _FORBIDDEN, ok=False)
            return
        yield _accepted(running, sent, f"An envelope at /{path}", f"/{path}", "SentryIngestLogs")


def _legacy(running: Trial) -> Iterator[Finding]:
    if running.deployment.parameters.get("LegacyApi") == "off":
        yield Finding("turned off")
        return
    body = json.dumps({"hash": running.key, "level": "Notice", "message": _MESSAGE}).encode()
    sent = running.client.post("/api.php", body)
    yield finding(
        sent.status == 200 and sent.json.get("ok") is True and "id" in sent.json,
        "stored",
        f"An error gets {sent}, not 200 and its number.",
        _remedy(running, sent, "LegacyApiLogs"),
    )
    if not sent.json.get("id"):
        return
    running.accepted.append(str(sent.json["id"]))
    if running.deployment.parameters.get("LegacyRead") == "off":
        return
    page = running.client.get(_action(running, "errors"))
    yield finding(
        any(each["message"] == _MESSAGE for each in page.json.get("errors", [])),
        "read back",
        f"The error is not read back: {page}",
        _remedy(running, page, "LegacyApiLogs"),
    )


def _counting(running: Trial) -> Iterator[Finding]:
    if not running.accepted:
        return
    started, sent = time.monotonic(), len(running.accepted)
    counted = -1
    while counted < sent and time.monotonic() - started < _COUNTED_S:
        if counted >= 0:
            time.sleep(_POLL_S)
        visible = projects.visible_to_operator(running.project_id)
        counted = sum(each.count for each in issues.list_issues(visible))
    # A request that failed and was sent again may have stored its event twice.
    yield finding(
        sent <= counted <= sent + running.client.repeated,
        f"{sent} events after {time.monotonic() - started:.0f} s",
        f"{counted} of {sent} events are counted after {_COUNTED_S:.0f} s.",
        f"Look at the triggers above, and at the log: {running.log('DigestLogs')}",
    )


def _burst(running: Trial) -> Iterator[Finding]:
    if not running.accepted:
        return
    wanted, number = (202, 429), 0
    while number < _MOST_BURST:
        number += 1
        sent = running.client.post("/api/ingest", _event(), wanted=wanted, X_Api_Key=running.key)
        if sent.status == 202:
            running.accepted.append(sent.json["id"])
        else:
            break
    if sent.status == 429:
        running.lost.add("rate_limited")
    yield finding(
        sent.status == 429 and sent.headers.get("retry-after", "").isdecimal(),
        f"429 with Retry-After after {number - 1} more",
        f"A burst of {number} requests ends with {sent}, not with 429 and Retry-After.",
        _remedy(running, sent, "IngestLogs"),
    )


def _stats(running: Trial) -> Iterator[Finding]:
    if not running.lost:
        return
    if running.deployment.parameters.get("LogLevel") == "ERROR":
        yield Finding("not tried: at LogLevel ERROR, the functions log no losses")
        return
    wanted, lost = running.lost, dict[str, int]()
    started = time.monotonic()
    while not wanted <= lost.keys() and time.monotonic() - started < _LEDGER_S:
        visible = projects.visible_to_operator(running.project_id)
        for _, (_, reasons) in loss_ledger.by_day(visible, 2).items():
            lost |= reasons
        time.sleep(_POLL_S)
    missing = ", ".join(sorted(wanted - lost.keys()))
    yield finding(
        not missing,
        f"losses after {time.monotonic() - started:.0f} s",
        f"errata stats does not show: {missing}, after {_LEDGER_S:.0f} s.",
        f"Look at the triggers above, and at the log: {running.log('LedgerLogs')}",
    )


def _clear(running: Trial) -> Iterator[Finding]:
    parameters = running.deployment.parameters
    if "off" in (parameters.get("LegacyApi"), parameters.get("LegacyClear")):
        yield Finding("turned off")
        return
    cleared = running.client.get(_action(running, "clear"))
    yield finding(
        cleared.status == 200 and cleared.json.get("ok") is True,
        f"{cleared.json.get('deleted')} of api.php deleted",
        f"action=clear gets {cleared}.",
        _remedy(running, cleared, "LegacyApiLogs"),
    )
    if cleared.status != 200:
        return
    page = running.client.get(f"/api/projects/{running.project_id}/events", X_Api_Key=running.key)
    yield finding(
        page.json.get("data") == [],
        "nothing left",
        f"Events can be read after a clear: {page}",
        _remedy(running, page, "ReadEventsLogs"),
    )


REQUESTS: Mapping[str, Callable[[Trial], Iterator[Finding]]] = {
    "no key": _no_key,
    "ingest": _ingest,
    "reading": _reading,
    "bad bodies": _bad_bodies,
    "SDK endpoint": _sdks,
    "api.php": _legacy,
    "counting": _counting,
    "dashboard": dashboard.pages,
    "sign-in": dashboard.sign_in,
    "burst": _burst,
    "stats": _stats,
    "clear": _clear,
    "IPv6": network.ipv6,
    "mail": dashboard.mail,
}


def _event() -> bytes:
    return json.dumps({"message": _MESSAGE, "level": "info"}).encode()


def _action(running: Trial, action: str) -> str:
    return "/api.php?" + urlencode({"action": action, "hash": running.key})


def _accepted(running: Trial, sent: EndpointResponse, name: str, good: str, log: str) -> Finding:
    ok = sent.status in (200, 202) and "id" in sent.json
    if ok:
        running.accepted.append(str(sent.json["id"]))
    return finding(ok, good, f"{name} gets {sent}.", _remedy(running, sent, log))


def _remedy(running: Trial, response: EndpointResponse, log: str) -> str:
    """Return what to do about an unexpected response."""
    show = running.deployment.stack.command("orgs show default")
    match response.status:
        case 401:
            return f"Look at the API above, and at the log: {running.log('AuthorizerLogs')}"
        case 402:
            return f"The quota is used up, or an invoice is not paid: {show}"
        case 403:
            return f"The allowlist may not have your address: {show}"
        case 404 | 415:
            return _deploy_api(running)
    return f"Read the log: {running.log(log)}"


def _deploy_api(running: Trial) -> str:
    gateway = running.deployment.gateway
    return (
        f"Deploy this release: {running.deployment.make_deploy()}. If that does not help: aws"
        f" apigateway create-deployment --rest-api-id {gateway.api_id} --stage-name {gateway.stage}"
    )
