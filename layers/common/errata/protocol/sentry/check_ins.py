"""Reads check-ins of cron monitors: items of envelopes, and requests to `/cron/{slug}/`.

A check-in without a known status is refused. A config that is not valid is left out, and the rest
of the check-in is kept.

Source: the SDK development documentation, "Check-Ins", and Sentry's documentation, "Crons, HTTP".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from errata.errors import InvalidInputError
from errata.models.ids import sdk_event_id
from errata.models.monitor import (
    DEFAULT_ENVIRONMENT,
    MAX_CRONTAB,
    MAX_ENVIRONMENT,
    MAX_MINUTES,
    MAX_RELEASE,
    MAX_THRESHOLD,
    CheckIn,
    IntervalUnit,
    MonitorConfig,
    Reported,
    to_slug,
)
from errata.protocol.body import parse_object, too_large

# Bytes of a check-in: far more than its fields need.
MAX_BYTES = 16 * 1024
# The most check-ins of an envelope. SDKs send one.
MAX_CHECK_INS = 10

_STATUSES = ("in_progress", "ok", "error")
_UNITS = ("minute", "hour", "day", "week", "month", "year")
# This id means the newest run in progress.
_NEWEST = "0" * 32
_ROUTE = re.compile(r"/api/([^/]+)/cron/([^/]+)(?:/([^/]+))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_MAX_EVERY = 10_000
_MAX_DURATION_S = 60 * MAX_MINUTES


@dataclass(frozen=True, slots=True)
class CheckInRoute:
    """A route of check-ins. `sentry_key` is "" if it is not in the path."""

    project_id: str
    slug: str
    sentry_key: str = ""


def find_route(path: str) -> CheckInRoute | None:
    """Return the route of a path without a slash at its end, None if there is none."""
    found = _ROUTE.fullmatch(path)
    return CheckInRoute(found[1], unquote(found[2]), found[3] or "") if found else None


def of_item(payload: bytes, message_id: str, at_ms: int) -> CheckIn:
    """Return the check-in in an item of an envelope.

    `message_id` is a new id, 32 hex digits, for a check-in that brings none.

    Raises:
        InvalidInputError: it is no JSON object, or has no monitor or no status.
        BodyTooLargeError: it has more than `MAX_BYTES`.
    """
    if len(payload) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    sent = parse_object(payload)
    return _read(sent, sent.get("monitor_slug"), message_id, at_ms)


def of_request(
    slug: str, query: Mapping[str, str], body: bytes, message_id: str, at_ms: int
) -> CheckIn:
    """Return the check-in of a request. A JSON object in its body takes precedence over the query.

    Arguments and errors are as in `of_item`.
    """
    if len(body) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    # curl may also send an empty body or a form, which is ignored: the query has the values.
    sent = parse_object(body) if body.lstrip()[:1] == b"{" else {}
    return _read({**query, **sent}, slug, message_id, at_ms)


def _read(sent: Mapping[str, Any], named: object, message_id: str, at_ms: int) -> CheckIn:
    slug = to_slug(named) if isinstance(named, str) else ""
    status = sent.get("status")
    errors = {}
    if not slug:
        errors["monitor_slug"] = ["A monitor's slug needs a letter, a digit or an underscore."]
    if status not in _STATUSES:
        errors["status"] = [f"The status must be one of these: {', '.join(_STATUSES)}."]
    if errors:
        raise InvalidInputError(errors)
    run_id = sdk_event_id(sent.get("check_in_id")) or _NEWEST
    config = sent.get("monitor_config")
    return CheckIn(
        slug=slug,
        environment=_text(sent.get("environment"), MAX_ENVIRONMENT) or DEFAULT_ENVIRONMENT,
        status=cast(Reported, status),
        id=message_id,
        run_id="" if run_id == _NEWEST else run_id,
        at_ms=at_ms,
        duration_ms=_duration(sent.get("duration")),
        release=_text(sent.get("release"), MAX_RELEASE),
        config=_config(config) if isinstance(config, dict) else None,
    )


def _config(sent: Mapping[str, Any]) -> MonitorConfig | None:
    """Return the config of a monitor. None without a schedule.

    Does not check the crontab and the time zone: the worker does.
    """
    schedule = sent.get("schedule")
    if not isinstance(schedule, dict):
        return None
    kind, value, unit = (schedule.get(name) for name in ("type", "value", "unit"))
    usual = MonitorConfig()
    others: dict[str, Any] = {
        "timezone": _text(sent.get("timezone"), 64) or usual.timezone,
        "margin": _number(sent.get("checkin_margin"), 0, MAX_MINUTES, usual.margin),
        "max_runtime": _number(sent.get("max_runtime"), 1, MAX_MINUTES, usual.max_runtime),
        "failure_threshold": _threshold(sent.get("failure_issue_threshold")),
        "recovery_threshold": _threshold(sent.get("recovery_threshold")),
    }
    if kind == "crontab" and isinstance(value, str) and value.strip():
        # Keep one character too many, so that the worker refuses a crontab that is too long.
        return MonitorConfig(crontab=value.strip()[: MAX_CRONTAB + 1], **others)
    every = _number(value, 1, _MAX_EVERY, 0)
    if kind == "interval" and every and unit in _UNITS:
        return MonitorConfig(every=every, unit=cast(IntervalUnit, unit), **others)
    return None


def _threshold(value: object) -> int:
    return _number(value, 1, MAX_THRESHOLD, 1)


def _number(value: object, low: int, high: int, default: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return default
    return round(min(max(value, low), high))


def _duration(value: object) -> int | None:
    """Return a duration in milliseconds. SDKs send seconds."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else -1
    except (ValueError, OverflowError):
        return None
    return round(seconds * 1000) if 0 <= seconds <= _MAX_DURATION_S else None


def _text(value: object, most: int) -> str:
    if not isinstance(value, str):
        return ""
    return _CONTROLS.sub(" ", value).strip()[:most].strip()
