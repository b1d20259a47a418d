"""What an issue is doing, in one sentence: rising, new, open again, steady or gone quiet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from errata.models.buckets import DAY_MS
from errata.models.issue import IGNORED, OPEN, REGRESSED, RESOLVED, WOKEN, Activity, Issue
from errata.models.settled import how, still_to_come, why_awake
from errata.models.texts import cut

RISING, NEW, STEADY, QUIET = "rising", "new", "steady", "quiet"
# UTF-8 bytes of a release in a sentence.
_MAX_RELEASE = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an issue is doing.

    Attributes:
        kind: `rising`, `new`, `regressed`, `woken`, `steady`, `quiet` or `resolved`.
        sentence: the verdict with the numbers behind it.
        detail: what else helps to judge it, "" if there is nothing.
    """

    kind: str
    sentence: str
    detail: str = ""


def verdict(issue: Issue, activity: Sequence[Activity], now_ms: int) -> Verdict:
    """Return the verdict on an issue at a time in milliseconds.

    `activity` is its latest activity, latest first. "Usual" is the mean of the 24 hours before the
    last hour.
    """
    found = _doing(issue, now_ms)
    note = ""
    if issue.status == IGNORED and issue.ignored_until:
        left = still_to_come(issue)
        note = f"Ignored {how(issue)}{f', {left}' if left else ''}"
    elif woken := _woken(issue, activity):
        reason, at_ms = woken
        if found.kind != RISING and now_ms - at_ms < DAY_MS:
            return Verdict(WOKEN, f"Open again: {reason}", _first_seen(issue, now_ms))
        note = f"Open again: {reason}"
    elif issue.status == REGRESSED and found.kind not in (RISING, QUIET):
        return Verdict(REGRESSED, _regressed(activity, now_ms), _first_seen(issue, now_ms))
    return replace(found, detail=". ".join(filter(None, (note, found.detail))))


def _doing(issue: Issue, now_ms: int) -> Verdict:
    """Return what the numbers of an issue say, or that it is resolved."""
    since = _first_seen(issue, now_ms)
    quiet_ms = now_ms - issue.last_seen
    if issue.status == RESOLVED:
        by = f" by {cut(issue.status_by, 100)}" if issue.status_by else ""
        at = f", {age(issue.status_at, now_ms)} ago" if issue.status_at else ""
        if issue.resolved_in:
            detail = f"Resolved{by}{at}. Events of older releases are counted, but do not reopen it"
            return Verdict(RESOLVED, f"Resolved {how(issue)}", detail)
        return Verdict(RESOLVED, "Resolved: no events since", f"Resolved{by}{at}")
    if issue.buckets.is_rising(now_ms):
        hour, usual = issue.buckets.last_hour(now_ms), issue.buckets.usual_hour(now_ms)
        compared = (
            f"{times(hour / usual)} \N{MULTIPLICATION SIGN} usual"
            if usual
            else "none in the 24 hours before"
        )
        detail = f"Usual: {_rate(usual)}. {since}" if usual else since
        return Verdict(RISING, f"Rising: {hour:,} in the last hour, {compared}", detail)
    if quiet_ms >= DAY_MS:
        return Verdict(QUIET, f"Gone quiet: none for {age(issue.last_seen, now_ms)}", since)
    if now_ms - issue.first_seen < DAY_MS:
        return Verdict(NEW, f"New: {since[0].lower()}{since[1:]}")
    return Verdict(STEADY, _steady(issue, now_ms), since)


def _woken(issue: Issue, activity: Sequence[Activity]) -> tuple[str, int] | None:
    """Return why and when an ignored issue was woken, None if it was not."""
    if issue.status != OPEN:
        return None
    if issue.ignored_until:
        return why_awake(issue), issue.ignored_number
    last = next((each for each in activity if each.at == issue.status_at), None)
    return (last.detail, last.at) if last and last.what == WOKEN else None


def _first_seen(issue: Issue, now_ms: int) -> str:
    release = f" in {cut(issue.first_release, _MAX_RELEASE)}" if issue.first_release else ""
    return f"First seen {age(issue.first_seen, now_ms)} ago{release}"


def _regressed(activity: Sequence[Activity], now_ms: int) -> str:
    back = next((each for each in activity if each.what == REGRESSED), None)
    if back is None:
        return "Regressed: it was resolved, and is back"
    before = [each for each in activity if each.at < back.at and each.what == RESOLVED]
    resolved = f"resolved {age(before[0].at, now_ms)} ago, " if before else ""
    release = f" in {cut(back.release, _MAX_RELEASE)}" if back.release else ""
    return f"Regressed: {resolved}back for {age(back.at, now_ms)}{release}"


def _steady(issue: Issue, now_ms: int) -> str:
    usual = issue.buckets.usual_hour(now_ms)
    if usual < 1:
        return f"Steady: {issue.buckets.last_day(now_ms):,} in 24 hours"
    return f"Steady: {issue.buckets.last_hour(now_ms):,} in the last hour, usual {_rate(usual)}"


def _rate(usual: float) -> str:
    return f"{usual:,.0f} an hour" if usual >= 1 else f"{usual * 24:,.0f} in 24 hours"


def times(factor: float) -> str:
    """Return how many times as much something is: `8`, `4.5`."""
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}".removesuffix(".0")


def age(then_ms: int, now_ms: int) -> str:
    """Return an age in its largest unit: `5 min`, `3 h`, `12 d`, or `less than a minute`."""
    seconds = max(0, now_ms - then_ms) // 1000
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "less than a minute"
