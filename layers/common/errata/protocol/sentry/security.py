"""Converts the security reports of browsers to events of SDKs.

Sources: W3C, "Content Security Policy Level 3", 5.3 to 5.5 (`csp-report`, `csp-violation`) and
"Reporting API"; RFC 9163 (Expect-CT); RFC 7469, 3 (public key pinning).
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from errata.errors import InvalidInputError
from errata.models.event import Fields
from errata.protocol.body import MAX_JSON_BYTES, parse_object
from errata.protocol.sentry.envelope import MAX_EVENTS, Envelope, EnvelopeItem
from errata.protocol.sentry.reports import MAX_QUANTITY

# The member of a body that has the report, and the name of the report in an event. A report on
# public key pinning has no such member.
_MEMBERS = {
    "csp-report": "csp",
    "expect-ct-report": "expectct",
    "expect-staple-report": "expectstaple",
}
_PINNING = "known-pins"
# Fields whose name in the Reporting API is not just another spelling of the name in `csp-report`.
_OTHER_NAMES = {
    "documentURL": "document_uri",
    "blockedURL": "blocked_uri",
    "sample": "script_sample",
}
# A user's name and password in a URL.
_USER = re.compile(r"//[^/?#]*@")
_CAPITAL = re.compile(r"[A-Z]")
# What a directive is about, if its name does not say it.
_KINDS = {
    "img": "image",
    "connect": "connection",
    "default": "resource",
    "base-uri": "base URL",
    "form-action": "form target",
    "frame-ancestors": "embedding page",
}
_ENDINGS = ("-elem", "-attr", "-src")
# Reports may have one of these words in place of the blocked URL. The value is for the title.
_WORDS = {"": "inline", "inline": "inline", "eval": "evaluated", "wasm-eval": "evaluated"}
_FAILED = {
    "expectct": "Certificate transparency failed",
    "expectstaple": "OCSP stapling failed",
    "hpkp": "Public key pinning failed",
}
_MAX_HOST = 100
# The most members of a report whose names are converted, and characters of a name. Real reports
# have fewer.
_MAX_NAMES, _MAX_NAME = 100, 64
# Parameters of the URL that browsers send reports to.
_PARAMETERS = {"sentry_environment": "environment", "sentry_release": "release"}


def to_envelope(body: bytes, query: Mapping[str, str], user_agent: str) -> Envelope:
    """Return the reports in a body as the events of an envelope.

    A browser sends one report, or a list in the format of the Reporting API. Reports that are not
    about security stay as they are, in `raw_security` items.

    Args:
        body: the decompressed body.
        query: the parameters of the request.
        user_agent: the header of the request.

    Raises:
        InvalidInputError: the body is not a report.
    """
    common: Fields = {name: query[each] for each, name in _PARAMETERS.items() if query.get(each)}
    agent = {"headers": {"User-Agent": user_agent}} if user_agent else {}
    if not body.lstrip().startswith(b"["):
        event = _of_object(parse_object(body), agent)
        if event is None:
            raise InvalidInputError({"body": ["The body is not a security report."]})
        return Envelope({}, (EnvelopeItem("event", to_json({**event, **common})),))
    items = []
    reports = _list(body)
    for report in reports[:MAX_EVENTS]:
        event = _of_reporting_api(report, agent) if isinstance(report, dict) else None
        if event is None:
            items.append(EnvelopeItem("raw_security", b""))
        else:
            items.append(EnvelopeItem("event", to_json({**event, **common})))
    # Stand-ins for reports beyond the limit of an envelope. They are refused, and at most
    # MAX_QUANTITY of them count as lost.
    items += [EnvelopeItem("event", b"")] * min(len(reports) - len(items), MAX_QUANTITY)
    return Envelope({}, tuple(items))


def with_reports(envelope: Envelope) -> Envelope:
    """Return an envelope with its `raw_security` items as events, if they can be read."""
    if not any(item.type == "raw_security" for item in envelope.items):
        return envelope
    items: list[EnvelopeItem] = []
    read = 0
    for item in envelope.items:
        if item.type == "raw_security" and read < MAX_EVENTS:
            read += 1
            item = _readable(item)
        items.append(item)
    return Envelope(envelope.headers, tuple(items), envelope.problem)


def report_message(parts: Mapping[str, Any]) -> str:
    """Return the message of a report among the parts of an event, "" if there is none."""
    csp = parts.get("csp")
    if isinstance(csp, dict):
        return _blocked(csp)
    for name, text in _FAILED.items():
        report = parts.get(name)
        if isinstance(report, dict):
            host = report.get("hostname")
            return f"{text} for {host[:_MAX_HOST]}" if isinstance(host, str) and host else text
    return ""


def _list(body: bytes) -> list[Any]:
    # Parsed as a member of an object, because `parse_object` repairs texts that were cut within a
    # character.
    parsed = parse_object(b'{"reports":' + body + b"}")
    reports = parsed.pop("reports")
    if parsed or not isinstance(reports, list):
        raise InvalidInputError({"body": ["The body is not a list of reports."]})
    return reports


def _readable(item: EnvelopeItem) -> EnvelopeItem:
    if len(item.payload) > MAX_JSON_BYTES:
        return EnvelopeItem("event", item.payload)  # refused later, and counted as too large
    try:
        event = _of_object(parse_object(item.payload), {})
    except InvalidInputError:
        event = None
    return item if event is None else EnvelopeItem("event", to_json(event))


def _of_object(body: Fields, agent: Fields) -> Fields | None:
    """Return the event of a single report, None if the body is not a report."""
    for member, name in _MEMBERS.items():
        report = body.get(member)
        if isinstance(report, dict):
            return _event(name, report, agent)
    return _event("hpkp", body, agent) if _PINNING in body else None


def _of_reporting_api(report: Fields, agent: Fields) -> Fields | None:
    """Return the event of a violation, None for reports of other kinds."""
    body = report.get("body")
    if report.get("type") != "csp-violation" or not isinstance(body, dict):
        return None
    named = report.get("user_agent")
    return _event("csp", body, {"headers": {"User-Agent": named}} if named else agent)


def _event(name: str, report: Fields, request: Fields) -> Fields:
    known = dict(report)
    for sent in list(report)[:_MAX_NAMES]:
        known[_current(sent)] = known.pop(sent)
    directive = known.get("effective_directive") or known.get("violated_directive")
    url = known.get("document_uri")
    return {
        "logger": name,
        name: known,
        **({"culprit": directive} if isinstance(directive, str) else {}),
        "request": {**request, **({"url": url} if isinstance(url, str) else {})},
    }


def _current(name: str) -> str:
    """Return a name of either format in the form of SDKs: `effective_directive`."""
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    if len(name) > _MAX_NAME:
        return name
    return _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name).replace("-", "_")


def _blocked(csp: Fields) -> str:
    """Return what was blocked, such as `Blocked script from cdn.example.com`.

    Reports with the same words are one issue, so there are no paths and no line numbers in them.
    """
    directives = (csp.get("effective_directive"), csp.get("violated_directive"))
    named = next((each for each in directives if isinstance(each, str) and each.strip()), "default")
    directive = named.split()[0].lower()[:_MAX_HOST]
    for ending in _ENDINGS:
        directive = directive.removesuffix(ending)
    kind = _KINDS.get(directive, directive)
    blocked = csp.get("blocked_uri")
    blocked = blocked.strip() if isinstance(blocked, str) else ""
    if blocked in _WORDS:
        return f"Blocked {_WORDS[blocked]} {kind}"
    return f"Blocked {kind} from {_source(blocked, csp.get('document_uri'))}"


def _source(blocked: str, document: Any) -> str:
    """Return where a resource is from: a host, the page's own host, or a scheme such as `data`."""
    host = _host(blocked)
    if blocked == "self" or (host and isinstance(document, str) and host == _host(document)):
        return "the page's own host"
    return (host or blocked.partition(":")[0])[:_MAX_HOST]


def _host(url: str) -> str:
    try:
        return urlsplit(_USER.sub("//", url, count=1)).netloc.lower()
    except ValueError:
        return ""
